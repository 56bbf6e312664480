cluster "demo" { durability = async }
watchdog { mode = required }
tags { nofailover = yes }
api { listen = localhost }

dcs "etcd" { endpoints = ["http://10.0.0.1:2379"] }
postgres { connect = "10.0.0.1:5432" }
