#pragma once

namespace mpirepl {

/// SIGINT to rank 0 is Ctrl-C for all ranks, and SIGUSR1 asks where everybody is. To be called on
/// the main thread when Python runs; Python's own handlers go on to be called.
/// @param is_root other ranks only take care not to die of SIGUSR1
void install_signals(bool is_root);

/// Code may have put Python's handler back in the place of ours (asyncio does, and editors).
/// As part of a turn of the agent.
void keep_signals_installed();

/// Ctrl-C at the terminal: SIGINT for this process, also while it is ignored, as system() does.
void interrupt();

/// SIGINT for the task or cell of the main thread alone: not a Ctrl-C. For any thread.
void interrupt_task();

/// Ends a system call in which the main thread may have begun to sleep at the very moment of a
/// signal: Python looks whether one has come before it sleeps on. For any thread.
void wake_main_thread();

/// How many Ctrl-C there were.
unsigned interrupts();

/// Has the children of this process interrupted too, as those in the foreground of a terminal are:
/// those of its process group, with their children. For the agent.
void interrupt_children();

/// Since the last question, there was a Ctrl-C; someone has asked where everybody is. For the
/// agent.
bool take_interrupt();
bool take_where();
/// take_interrupt() would be true. For any thread.
bool has_interrupt();

}  // namespace mpirepl
