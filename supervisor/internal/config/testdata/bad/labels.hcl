cluster {}
dcs {}
postgres "main" {}
router "a" "b" {}
