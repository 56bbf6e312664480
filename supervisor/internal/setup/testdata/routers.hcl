# /etc/pgvigil/pgvigil.hcl on mdw (10.0.0.1), written by pgvigil setup; yours to change. The hosts' files differ in
# member and in the connect lines.
# Check it with: pgvigil config validate

cluster "demo" {
  member     = "mdw"
  ttl        = "30s"    # how long the cluster may be without a primary after its host was lost
  durability = "quorum" # a commit waits for a standby, and a failover waits for no ttl
}

api {
  listen  = "0.0.0.0:8008"
  connect = "10.0.0.1:8008"

  # Asked for before anything is changed.
  auth {
    username      = "pgvigil"
    password_file = "/etc/pgvigil/api.password"
  }
}

# UDP, at the addresses of api. Files with secrets are the same on all hosts; owner postgres, mode 0600.
heartbeats {
  secret_file = "/etc/pgvigil/heartbeat.secret"
}

dcs "etcd" {
  endpoints = [
    "http://10.0.0.11:2379",
    "http://10.0.0.12:2379",
    "http://10.0.0.13:2379",
  ]
}

postgres {
  listen     = "0.0.0.0:5432"
  connect    = "10.0.0.1:5432"
  data_dir   = "/var/lib/pgsql/17/data"
  bin_dir    = "/usr/pgsql-17/bin"
  socket_dir = "/run/postgresql"

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
    "host   all  all  127.0.0.1/32        scram-sha-256",
    "host   all  all  10.0.0.0/24         scram-sha-256",
  ]
}

# Goes with: pgvigil render haproxy
router "haproxy" {
  replica_backend = "replica"
  max_lag         = "16MB"
}

# Goes with: pgvigil render keepalived
router "keepalived" {
  vip             = "10.0.0.100"
  follow          = "haproxy"
  haproxy_backend = "primary"
}

# Goes with: pgvigil render pgbouncer. The user stands in PgBouncer's admin_users and, with the password, in its auth_file.
router "pgbouncer" {
  consoles      = ["host=/run/postgresql user=pgvigil"]
  password_file = "/etc/pgvigil/pgbouncer.password"
}

# Used where the host has one. "required": without it this member may not lead.
watchdog {
  mode = "automatic"
}
