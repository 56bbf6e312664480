cluster = "demo"
api {
  tls = { cert_file = "x" }
  listen { port = 8008 }
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
