import os
import site
import sys

env = os.environ["VIRTUAL_ENV"]
print(sys.prefix == env)
print(os.path.dirname(sys.executable) == os.path.join(env, "bin"))
print(any(path.startswith(env) for path in site.getsitepackages()))
