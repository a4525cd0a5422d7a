subroutine lone(goes)
    include 'mpif.h'
    integer goes, error
    if (goes == 1) call MPI_Barrier(MPI_COMM_WORLD, error)
end subroutine lone
