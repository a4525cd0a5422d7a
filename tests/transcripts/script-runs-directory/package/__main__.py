import sys
print("main", sys.argv)
