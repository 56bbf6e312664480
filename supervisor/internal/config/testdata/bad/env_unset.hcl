cluster "demo" { member = env("PGVIGIL_NO_SUCH_VARIABLE") }

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
