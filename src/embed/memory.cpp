#include "embed/memory.h"

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

namespace mpirepl {
namespace {

std::mutex mutex;
std::vector<Py_buffer> unneeded;
std::atomic<bool> some_unneeded = false;

}  // namespace

Blob memory_of(const pybind11::handle& object) {
    Py_buffer view;
    if (PyObject_GetBuffer(object.ptr(), &view, PyBUF_SIMPLE) != 0)
        throw pybind11::error_already_set();
    auto give_back = [view](char* /*data*/) {
        const std::scoped_lock lock(mutex);
        unneeded.push_back(view);
        some_unneeded = true;
    };
    return {.data = {static_cast<char*>(view.buf), give_back},
            .size = static_cast<std::uint64_t>(view.len)};
}

void release_memory() {
    if (!some_unneeded) return;
    std::vector<Py_buffer> views;
    {
        const std::scoped_lock lock(mutex);
        views.swap(unneeded);
        some_unneeded = false;
    }
    for (Py_buffer& view : views) PyBuffer_Release(&view);
}

}  // namespace mpirepl
