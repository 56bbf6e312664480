cluster "my cluster" { member = "-mdw" }
dcs "Etcd" {}
postgres { connect = "10.0.0.1:5432" }
