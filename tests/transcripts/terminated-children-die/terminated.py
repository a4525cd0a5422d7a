import multiprocessing
import os
import signal
import time

process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
process.start()
process.terminate()
process.join()
print(process.exitcode)
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
signal.signal(signal.SIGTERM, lambda number, frame: print("my own"))
os.kill(os.getpid(), signal.SIGTERM)
