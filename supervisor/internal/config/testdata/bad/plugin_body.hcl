cluster "demo" {}
dcs "etcd" {
  endpoint        = ["http://10.0.0.1:2379"]
  request_timeout = "10ms"
  username        = postgres
  tls { ca = "/x" }
  tsl {}
}
postgres {
  connect    = "10.0.0.1:5432"
  data_dri   = "/data"
  use_rewind = "yes"
  hba        = "host all all all scram-sha-256"
  parameters = {
    work_mem        = "4MB"
    max_connections = 200
    shared_buffers  = ["1GB"]
    work_mem        = "8MB"
  }
  superuser {
    username = "postgres"
    password = 12345
  }
  superuser {}
}
