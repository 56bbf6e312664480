cluster "demo" {
  tll      = "30s"
  name     = "mdw"
  zzz      = 1
  mode     = "off"
  durabilty = "async"
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
