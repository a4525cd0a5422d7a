%targets 0
print(1)
