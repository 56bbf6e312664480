cluster "demo" {
  member    = hostnam()
  namespace = file("no-such-file")
  durability = credential("../x")
}
log { level = credential("absent") }

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
