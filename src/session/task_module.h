#pragma once

#include "embed/runner.h"
#include "session/display.h"
#include "session/workbench.h"

namespace mpirepl {

/// Says what the functions of Python's built-in module _mpirepl_tasks act on; to be called before
/// any Python code uses them. `display` is null on all ranks but 0.
void connect_task_module(Relay* relay, Display* display);

/// What the end of tasks of this rank means for who waits meanwhile, told once: an exception that a
/// handler of a signal has raised in one of them, or KeyboardInterrupt; None mostly. The caller
/// holds the GIL.
/// @param interrupted there was a Ctrl-C
pybind11::object raised_for_who_waits(bool interrupted);

/// Does at the end of a program with a client what Python does first; see leave() in
/// python/mpirepl/_run.py. The caller holds the GIL.
void end_program_with_client();

/// Writes out what Python holds for standard output and error. Takes the GIL.
void flush_python();

/// Has python/mpirepl/_engine.py run a task, which cannot fail: what it raises is its value. Takes
/// the GIL.
/// @param code_end asked afterwards: was it broken off?
TaskValue run_in_python(const Work& work, const Runner::CodeEnd& code_end);

}  // namespace mpirepl
