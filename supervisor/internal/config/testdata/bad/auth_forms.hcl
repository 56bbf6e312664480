cluster "demo" {}
api {
  tls {
    cert_file     = "/etc/ssl/a.pem"
    verify_client = "required"
  }
  auth {
    username      = "admin"
    password      = "s3cret"
    password_file = "/etc/pgvigil/password"
  }
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
