print(__package__, __spec__.name)
