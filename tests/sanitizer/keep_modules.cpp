// Part of the program in the build with the leak checker, and of no other: libraries stay loaded
// until the end, so that the checker can name the frames in them and lsan.supp applies.
#include <dlfcn.h>

[[gnu::visibility("default")]] int dlclose(void* /*handle*/) noexcept { return 0; }
