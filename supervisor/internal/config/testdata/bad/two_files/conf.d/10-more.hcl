run_dir = "/run/b"
cluster "demo" { ttl = "10s" }
