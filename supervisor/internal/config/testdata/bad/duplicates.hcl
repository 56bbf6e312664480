run_dir = "/run/a"
cluster "demo" {}
cluster "other" {}
api {}
api {}
router "haproxy" {}
router "haproxy" {}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }

router "etcd" {}
router "postgres" {}
