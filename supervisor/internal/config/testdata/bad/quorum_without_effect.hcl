cluster "demo" {
  synchronous_standbys = 1.5
  min_sync             = 1
  suspect_after        = "20s"
}

heartbeats {
  secret      = credential("etcd")
  secret_file = "heartbeat.secret"
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
