import os
import sys
print(os.path.basename(sys.argv[0]), sys.argv[1:], __name__)
