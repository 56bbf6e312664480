cluster "demo" { member = "mdw" }
dcs "etcd" {
  embedded {
    name = "mdv"
    members = { mdw = "http://10.0.0.1:2380", standby = "http://10.0.0.2:2380" }
  }
}
postgres { connect = "10.0.0.1:5432" }
