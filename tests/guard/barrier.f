      subroutine fortran_barrier() bind(C)
      implicit none
      include 'mpif.h'
      integer error
      call MPI_Barrier(MPI_COMM_WORLD, error)
      end subroutine
