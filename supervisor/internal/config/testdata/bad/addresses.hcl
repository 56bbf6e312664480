cluster "demo" {}
api {
  listen  = "0.0.0.0"
  connect = "10.0.0.1:99999"
}
dcs "etcd" {}
postgres { connect = "::1:5432" }
