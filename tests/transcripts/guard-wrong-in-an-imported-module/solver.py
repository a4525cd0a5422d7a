def norm(comm, values):
    if comm.rank == 1:
        raise FloatingPointError("no number")
    return comm.allgather(sum(values))
