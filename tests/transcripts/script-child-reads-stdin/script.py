import subprocess
subprocess.run(["cat"])
print("end")
