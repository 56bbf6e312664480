# /etc/pgvigil/pgvigil.hcl on mdw (10.0.0.1): a cluster that brings its own etcd. The three hosts' files differ
# in member, in the connect lines and in what etcd listens on.
# Besides pgvigild, every host runs: pgvigil dcs serve --config /etc/pgvigil/pgvigil.hcl

cluster "demo" {
  member = "mdw"
  ttl    = "5s"
}

api {
  connect = "10.0.0.1:8008"
}

dcs "etcd" {
  embedded {
    data_dir      = "/var/lib/pgvigil/etcd"
    listen_client = "http://10.0.0.1:2379"
    listen_peer   = "http://10.0.0.1:2380"

    # The same on all hosts: one, three or five members.
    members = {
      mdw      = "http://10.0.0.1:2380"
      standby  = "http://10.0.0.2:2380"
      standby1 = "http://10.0.0.3:2380"
    }
  }
}

postgres {
  listen   = "0.0.0.0:5432"
  connect  = "10.0.0.1:5432"
  data_dir = "/var/lib/pgsql/17/data"

  superuser {
    password_file = "/etc/pgvigil/superuser.password"
  }

  replication {
    password_file = "/etc/pgvigil/replication.password"
  }

  hba = ["host  all  all  10.0.0.0/24  scram-sha-256"]
}

watchdog {
  mode          = "automatic"
  safety_margin = "2s"
}
