cluster "demo" { ttl = "20s" }
watchdog { safety_margin = "16s" }

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
