log { levle = "debug" }
