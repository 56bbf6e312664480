cluster "demo" {
  ttl = "30s"

postgres { connect = "10.0.0.1:5432" }
