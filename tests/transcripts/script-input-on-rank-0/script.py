try:
    print("got", input())
except EOFError:
    print("got nothing")
