import threading
import time

import mpirepl as ipp

result = ipp.Client()[1].apply_async(time.sleep, 1)
threading.Thread(target=result.get, daemon=True).start()
time.sleep(0.2)
print("leaving")
