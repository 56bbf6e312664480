# /etc/pgvigil/pgvigil.hcl on mdw (fd00::1), written by pgvigil setup; yours to change. The hosts' files differ in
# member, in the connect lines and in what etcd listens on.
# Check it with: pgvigil config validate

cluster "demo" {
  member     = "mdw"
  ttl        = "5s"    # how long the cluster may be without a primary after its host was lost
  durability = "async" # a commit waits for nobody; "quorum": no acknowledged commit is lost by a failover
}

api {
  listen  = "[::]:8008"
  connect = "[fd00::1]:8008"
}

# UDP, at the addresses of api. Files with secrets are the same on all hosts; owner postgres, mode 0600.
heartbeats {
  secret_file = "/etc/pgvigil/heartbeat.secret"
}

dcs "etcd" {
  # Run by pgvigil-dcs.service.
  embedded {
    data_dir      = "/var/lib/pgvigil/etcd"
    listen_client = "http://[fd00::1]:2379"
    listen_peer   = "http://[fd00::1]:2380"

    # The same on all hosts: one, three or five members.
    members = {
      mdw = "http://[fd00::1]:2380"
    }
  }
}

postgres {
  listen   = "[::]:5432"
  connect  = "[fd00::1]:5432"
  data_dir = "/var/lib/pgsql/17/data"
  bin_dir  = "/usr/pgsql-17/bin"

  superuser {
    password_file = "/etc/pgvigil/superuser.password"
  }

  replication {
    password_file = "/etc/pgvigil/replication.password"
  }

  # Slots, wal_log_hints, hot_standby, the addresses and what replication needs are set by pgvigil.
  parameters = {
    max_connections = 200
    # shared_buffers = "1GB"
  }

  # pgvigil puts its own lines in front: the superuser on the socket, and replication among the members.
  hba = [
    "local  all  all                      scram-sha-256",
    "host   all  all  ::1/128             scram-sha-256",
    "host   all  all  fd00::/64           scram-sha-256",
  ]
}

# Goes with: pgvigil render pgbouncer. The user stands in PgBouncer's admin_users and, with the password, in its auth_file.
router "pgbouncer" {
  consoles      = ["host=/run/postgresql user=pgvigil"]
  password_file = "/etc/pgvigil/pgbouncer.password"

  databases_file {
    path = "/var/lib/pgbouncer/databases.ini"
  }
}

# Used where the host has one. "required": without it this member may not lead.
watchdog {
  mode          = "automatic"
  safety_margin = "2s" # the device is set to ttl less this
}
