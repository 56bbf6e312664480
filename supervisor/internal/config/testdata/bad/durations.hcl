cluster "demo" {
  ttl                   = 30
  primary_start_timeout = "5min"
  primary_stop_timeout  = "1d"
}
watchdog { safety_margin = "soon" }

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
