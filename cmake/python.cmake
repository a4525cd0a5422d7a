# embedded_python: CPython for a program that embeds it. Where a static library links it is taken, as
# in Debian's own python3: user code runs up to 1.3 times as fast as with the shared one.
# MPIREPL_STATIC_PYTHON=OFF takes the shared one; so do sanitizers, whose list of known leaks names it.

option(MPIREPL_STATIC_PYTHON "Link CPython statically where that can be done" ON)

# find_static_python(RESULT): what to link, with the libraries that its built-in modules need; or nothing.
function(find_static_python result)
    set(${result} "" PARENT_SCOPE)
    execute_process(
        COMMAND ${Python_EXECUTABLE} -c [[
from sysconfig import get_config_var as value
print(f"{value('LIBPL')}/{value('LIBRARY')}")
print(*(value(name) or "" for name in ("MODLIBS", "LIBS", "SYSLIBS")))]]
        OUTPUT_VARIABLE answer RESULT_VARIABLE failed)
    string(REGEX MATCH "^([^\n]*\\.a)\n([^\n]*)" matched "${answer}")
    if(failed OR NOT matched OR NOT EXISTS "${CMAKE_MATCH_1}")
        return()
    endif()
    set(library ${CMAKE_MATCH_1})
    separate_arguments(needed UNIX_COMMAND "${CMAKE_MATCH_2}")
    list(REMOVE_DUPLICATES needed)
    set(libraries "$<LINK_LIBRARY:WHOLE_ARCHIVE,${library}>" ${needed})
    # Not position-independent, as a static CPython's objects seldom are.
    try_compile(MPIREPL_STATIC_PYTHON_LINKS
        SOURCE_FROM_CONTENT embeds.cpp "#include <Python.h>\nint main() { Py_Initialize(); }\n"
        CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${Python_INCLUDE_DIRS}"
        LINK_OPTIONS -no-pie
        LINK_LIBRARIES ${libraries})
    if(MPIREPL_STATIC_PYTHON_LINKS)
        set(${result} ${libraries} PARENT_SCOPE)
    endif()
endfunction()

add_library(embedded_python INTERFACE)
target_include_directories(embedded_python SYSTEM INTERFACE ${Python_INCLUDE_DIRS})
if(MPIREPL_STATIC_PYTHON AND NOT MPIREPL_SANITIZE)
    find_static_python(static_python)
endif()
if(static_python)
    message(STATUS "CPython is linked statically: ${static_python}")
    target_link_libraries(embedded_python INTERFACE ${static_python})
    target_link_options(embedded_python INTERFACE -no-pie)
else()
    message(STATUS "CPython is linked as a shared library: ${Python_LIBRARIES}")
    target_link_libraries(embedded_python INTERFACE Python::Python)
endif()
