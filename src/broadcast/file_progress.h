#pragma once

namespace mpirepl {

/// While one exists, this thread leaves alone the nonblocking file access of user code. Open MPI
/// (4.1.4 and 5.0.11) drives that from whatever thread polls for anything, without a lock: a
/// MPI_File_iwrite in one thread and a MPI_Improbe in another crash it. So the agent, whose polling
/// is not user code's, keeps away from it; user code's own MPI_Wait or MPI_Test goes on to drive
/// it.
class WithoutFileProgress {
  public:
    WithoutFileProgress();
    ~WithoutFileProgress();
    WithoutFileProgress(const WithoutFileProgress&) = delete;
    WithoutFileProgress& operator=(const WithoutFileProgress&) = delete;
};

}  // namespace mpirepl
