#include <Python.h>

int other_mpi(void);

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "foreign", NULL, -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_foreign(void)
{
    other_mpi();
    return PyModule_Create(&definition);
}
