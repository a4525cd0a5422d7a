subroutine hello()
    write (*, *) 'hello from Fortran'
end subroutine hello
