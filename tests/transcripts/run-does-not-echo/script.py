5
print("printed")
