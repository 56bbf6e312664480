cluster "demo" { member = "mdw" }
dcs "etcd" {
  embedded {
    data_dir      = "etcd"
    listen_client = "10.0.0.1:2379"
    listen_peer   = "https://10.0.0.1:2380"
    heartbeat     = "200ms"
    election      = "300ms"
    members = {
      standby  = "http://0.0.0.0:2380"
      standby1 = "http://10.0.0.3"
    }
  }
}
postgres { connect = "10.0.0.1:5432" }
