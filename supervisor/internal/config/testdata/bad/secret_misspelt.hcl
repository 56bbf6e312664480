cluster "demo" {}
api {
  auth {
    username       = "admin"
    admin_password = "s3cret"
  }
  url = "https://user:s3cret@host/"
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
