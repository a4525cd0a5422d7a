1 + 1
"text"
print("printed")
