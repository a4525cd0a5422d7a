import atexit

import mpirepl as ipp

rc = ipp.Client()


@atexit.register
def last():
    print("at exit", rc[:].apply_sync(abs, -1))


print("the program ends")
