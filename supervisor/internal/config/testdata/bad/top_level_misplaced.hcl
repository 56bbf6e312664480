ttl = "30s"
cluster "demo" { run_dir = "/run/x" }
tags { level = "info" }
log = "debug"

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
