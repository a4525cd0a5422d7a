import os

import mpirepl as ipp

rc = ipp.Client()
print(rc[:].apply_sync(abs, -1), flush=True)
rc[1].apply_sync(os.abort)
print("not reached")
