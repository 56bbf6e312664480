cluster "demo" { ttl = "1s" }
watchdog { mode = "required" }

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
