cluster "demo" {
  ttl                  = "5s"
  durability           = "quorum"
  synchronous_standbys = 2
  min_sync             = 3
  suspect_after        = "6s"
  synchronous_node_count = 1
}

heartbeats {
  secret = "s3cret"
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
