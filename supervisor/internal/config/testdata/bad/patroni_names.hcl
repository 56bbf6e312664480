scope = "demo"
cluster "demo" {
  loop_wait        = "10s"
  retry_timeout    = "10s"
  synchronous_mode = true
}
restapi { listen = "0.0.0.0:8008" }
etcd3 { hosts = ["10.0.0.1:2379"] }
bootstrap {}
api { connect_address = "10.0.0.1:8008" }

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
