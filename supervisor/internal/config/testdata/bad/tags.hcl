cluster "demo" {}
tags {
  nofailover        = true
  failover_priority = 3
  noloadbalnce      = true
  replicatefrom     = "standby"
  datacenter        = "a"
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
