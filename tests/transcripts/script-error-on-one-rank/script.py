import mpirepl

if mpirepl.rank == 1:
    raise ValueError("only here")
print("fine")
