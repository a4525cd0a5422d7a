import petsc4py

petsc4py.init([])
from petsc4py import PETSc


class Shell:
    def mult(self, matrix, x, y):
        x.copy(y)


matrix = PETSc.Mat().createPython(10, Shell())
matrix.setUp()
print("set up")
