import os

if os.fork() == 0:
    raise ValueError("of the child")
print(os.waitstatus_to_exitcode(os.wait()[1]))
if os.fork() == 0:
    raise SystemExit("message of the child")
print(os.waitstatus_to_exitcode(os.wait()[1]))
