import atexit
import os


@atexit.register
def fork():
    child = os.fork()
    if child:
        print("child", os.waitpid(child, 0)[1])
