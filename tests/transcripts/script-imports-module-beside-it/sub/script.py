import beside
print(beside.name)
