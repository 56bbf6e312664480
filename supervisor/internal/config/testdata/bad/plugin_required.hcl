cluster "demo" {}
dcs "etcd" {}
postgres {
  connect = "10.0.0.1:5432"
  parameters = { pg_stat_statements.track = "all" }
}
