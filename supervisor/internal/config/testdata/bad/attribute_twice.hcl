cluster "demo" {
  ttl = "30s"
  ttl = "20s"
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
