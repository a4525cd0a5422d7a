#pragma once

#include <functional>
#include <vector>

#include "base/python_thread.h"

namespace mpirepl {

/// The Python threads of this process and where they are. Runs no Python code, so that a thread may
/// ask within a C library for which it has kept the GIL: no other may come to that library
/// meanwhile. The caller must hold the GIL.
std::vector<PythonThread> python_threads();

/// A cell begins: threads that start from now on are its own. The caller must hold the GIL.
void note_cell_begin();

/// The calling thread holds the GIL.
bool holds_gil();

/// Has a thread of its own take the GIL, which may last, and run a function then. For any thread;
/// once the end of Python has been announced nothing is run any more.
void with_gil(std::function<void()> function);

/// Announces the end of Python, and waits for the functions that still have to run. For the main
/// thread, without the GIL.
void end_with_gil();

/// Has a KeyboardInterrupt or mpirepl.DeadlockError raised in the main thread, wherever it is in
/// Python. The caller must hold the GIL.
void raise_in_main_thread(bool interrupt);
/// Raises SystemExit in other threads, which ends each silently.
void end_threads(const std::vector<pthread_t>& threads);

}  // namespace mpirepl
