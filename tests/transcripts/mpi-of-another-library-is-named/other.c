int other_mpi(void)
{
    return 12;
}
