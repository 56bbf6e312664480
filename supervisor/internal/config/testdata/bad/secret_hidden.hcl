cluster "demo" {}
api {
  auth {
    username = "admin"
    password = "s3cret" + 1
  }
}
router "x" {
  pasword = "s3cret
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
