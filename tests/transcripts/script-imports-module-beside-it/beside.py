name = "wrong"
