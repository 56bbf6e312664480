cluster "demo" {
  durability           = "qourum"
  synchronous_standby  = 1
  synchronous_standbys = 0
  min_sync             = -1
  suspect_after        = "200ms"
}

heartbeat {
  secret_file = "/etc/pgvigil/heartbeat.secret"
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
