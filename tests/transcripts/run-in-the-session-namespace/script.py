import sys

print(sys.argv, __name__, "session_name" in globals())
answer = 42
