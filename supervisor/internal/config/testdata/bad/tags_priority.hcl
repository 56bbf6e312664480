cluster "demo" {}
tags {
  nofailover        = false
  failover_priority = 0
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
