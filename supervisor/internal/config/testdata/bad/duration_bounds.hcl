cluster "demo" {
  ttl                  = "500ms"
  primary_stop_timeout = "48h"
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
