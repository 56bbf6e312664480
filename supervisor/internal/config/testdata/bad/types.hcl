cluster "demo" {
  member          = 17
  ttl             = true
  clock_drift_ppm = "100"
  namespace       = ["a"]
}
tags {
  nofailover = "true"
  region     = ["a"]
}

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
