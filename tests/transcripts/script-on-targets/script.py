import mpirepl
print("rank", mpirepl.rank)
