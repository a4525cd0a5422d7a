import time

import mpirepl as ipp

result = ipp.Client()[1].apply_async(time.sleep, 1)
result.add_done_callback(print)
print("leaving")
