# Each statement is a cell and runs on every rank, or on those that %targets names.
import numpy as np
from psum import comm, psum

comm.rank            # the value of an expression is echoed, rank by rank
%fold on
comm.size            # ... and with %fold on once for all ranks that have the same

%targets 0-1
a = np.arange(6) + 6 * comm.rank
%targets 2-5
a = np.arange(5) + 5 * comm.rank + 2
a
%targets all
a.size               # six numbers on two ranks, five on four: 0, 1, ... 31 in all
psum(a)              # talks MPI among the ranks; the sum of 0 ... 31 is 496
