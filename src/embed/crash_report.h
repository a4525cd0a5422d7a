#pragma once

#include <cstdint>
#include <string>

namespace mpirepl {

/// Lets a rank that dies of SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT say so first: rank, host,
/// signal and cell in one line, then its Python stack (by faulthandler), all to `fd`, which is not
/// captured. SIGTERM ends it as ever, but after what it has printed has left it. To be called on
/// the main thread when Python runs; once.
void install_crash_report(int rank, const std::string& host, int fd);

/// For the agent: a fault has been reported, SIGTERM has come or save_output() been called, and the
/// rank waits a moment for its output to be saved. The number of times that this was so; 0: it
/// does not wait.
unsigned output_to_save();

/// What the rank had printed when it had waited so many times has left it.
void output_is_saved(unsigned number);

/// Waits until what this rank has printed has left it, which is about to end without a further
/// word; a forked child has nothing to wait for. Where it can, without the GIL.
void save_output();

/// The rank may be ended soon, perhaps without a further word: tells so once.
bool take_warning();
/// Nobody saves output any more.
void end_output_saving();

/// The cell that a report names from now on; 0: none. At a terminal a report begins a new line.
void set_crash_report_cell(std::uint32_t cell, bool at_terminal);

}  // namespace mpirepl
