cluster "demo" {}
api { connect = "0.0.0.0:8008" }
dcs "etcd" {}
postgres { connect = "*:5432" }
