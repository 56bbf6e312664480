cluster "demo" {}
dcs "etcd" {
  plugin {
    command   = "pgvigil-plugin-etcd"
    sha256    = "abc"
    transport = "plain"
    argz      = ["-v"]
    env       = { GODEBUG = ["x"] }
  }
}
postgres { connect = "10.0.0.1:5432" }
