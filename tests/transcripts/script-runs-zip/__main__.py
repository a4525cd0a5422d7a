print("from a zip")
