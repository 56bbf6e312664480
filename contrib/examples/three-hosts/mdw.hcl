# /etc/pgvigil/pgvigil.hcl on mdw (10.0.0.1). The three hosts' files differ in member and in the connect lines.
# Check it with: pgvigil config validate /etc/pgvigil/pgvigil.hcl

cluster "demo" {
  namespace               = "/service"
  member                  = "mdw"
  ttl                     = "30s"
  durability              = "quorum"
  maximum_lag_on_failover = "1MB"
  primary_start_timeout   = "5m"
}

api {
  listen  = "0.0.0.0:8008"
  connect = "10.0.0.1:8008"
}

# UDP, at the addresses of api. The same file on all hosts: openssl rand -base64 32
heartbeats {
  secret_file = "/etc/pgvigil/heartbeat.secret" # owner postgres, mode 0600
}

dcs "etcd" {
  endpoints = [
    "http://10.0.0.1:2379",
    "http://10.0.0.2:2379",
    "http://10.0.0.3:2379",
  ]
  request_timeout = "2s" # of one try; the next goes to another endpoint, for as long as ttl leaves time
}

postgres {
  listen     = "0.0.0.0:5432"
  connect    = "10.0.0.1:5432"
  data_dir   = "/var/lib/pgsql/17/data" # Debian: /var/lib/postgresql/17/main
  bin_dir    = "/usr/pgsql-17/bin"      # Debian: /usr/lib/postgresql/17/bin
  socket_dir = "/run/postgresql"
  pgpass     = "/var/lib/pgvigil/demo/pgpass"

  use_rewind = true

  superuser {
    username      = "postgres"
    password_file = "/etc/pgvigil/superuser.password" # owner postgres, mode 0600
  }

  replication {
    username      = "replicator"
    password_file = "/etc/pgvigil/replication.password"
  }

  # Read once, when the first member makes the database.
  initdb {
    encoding       = "UTF8"
    locale         = "C.UTF-8"
    data_checksums = true
    auth           = "scram-sha-256"
  }

  # Slots, wal_log_hints, hot_standby, the addresses and what replication needs are set by pgvigil.
  parameters = {
    max_connections          = 200
    shared_buffers           = "1GB"
    effective_cache_size     = "3GB"
    maintenance_work_mem     = "256MB"
    work_mem                 = "8MB"
    wal_level                = "replica"
    max_wal_senders          = 10
    max_replication_slots    = 10
    wal_keep_size            = "1GB"
    max_wal_size             = "4GB"
    checkpoint_timeout       = "15min"
    log_checkpoints          = true
    log_lock_waits           = true
    shared_preload_libraries = "pg_stat_statements"

    "pg_stat_statements.track" = "all"
  }

  # pgvigil puts its own lines in front: the superuser on the socket, and replication among the members.
  hba = [
    "host  all  all  127.0.0.1/32  scram-sha-256",
    "host  all  all  10.0.0.0/24   scram-sha-256",
  ]
}

watchdog {
  mode          = "required"
  device        = "/dev/watchdog"
  safety_margin = "5s"
}

tags {
  nofailover    = false
  noloadbalance = false
  clonefrom     = false
  nosync        = false
}
