cluster "main" { member = "DB1" }
dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
