import atexit
import sys
atexit.register(print, "goodbye")
sys.exit(3)
