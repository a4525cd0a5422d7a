#include "session/task_module.h"

#include <pybind11/embed.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "embed/memory.h"
#include "embed/runner.h"
#include "embed/without_gil.h"

namespace mpirepl {
namespace {

namespace py = pybind11;
using namespace std::chrono_literals;
using Clock = Dispatcher::Clock;
using Ids = std::vector<std::uint64_t>;

constexpr auto first_look = 1ms;  // so long another thread waits for something to happen before it
constexpr auto longest_look = 50ms;  // calls the main thread; twice as long each time

py::handle at_end;  ///< what a program with a client does at its end

Relay* relay = nullptr;
Display* display = nullptr;

Dispatcher& dispatcher() {
    if (display == nullptr)
        throw std::runtime_error("clients live on rank 0: begin the cell with %%targets 0");
    return display->dispatcher();
}

std::shared_ptr<const std::string> shared(const py::bytes& bytes) {
    return std::make_shared<const std::string>(bytes);
}

std::vector<Blob> memory_in(const py::list& buffers) {
    std::vector<Blob> blobs;
    for (const py::handle& buffer : buffers) blobs.push_back(memory_of(buffer));
    return blobs;
}

py::list objects_of(const std::vector<Blob>& blobs) {
    py::list objects;
    for (const Blob& blob : blobs) objects.append(py::cast(blob));
    return objects;
}

/// Memory of the same contents that is nobody else's.
Blob copy_of(const py::handle& buffer) {
    const Blob from = memory_of(buffer);
    const WithoutGil without;
    Blob to = Blob::allocate(from.size);
    if (from.size > 0) std::memcpy(to.data.get(), from.data.get(), from.size);
    return to;
}

/// One argument for all targets, or one for each.
std::uint64_t submit(const std::vector<int>& targets, const py::bytes& function,
                     const std::vector<py::bytes>& arguments, const std::vector<py::list>& buffers,
                     bool stops, bool gathered) {
    release_memory();
    auto code = shared(function);
    const bool same = arguments.size() == 1;
    std::vector<std::vector<Blob>> blobs;
    blobs.reserve(buffers.size());
    for (const py::list& list : buffers) blobs.push_back(memory_in(list));
    std::vector<Job> jobs(targets.size());
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const std::size_t which = same ? 0 : i;
        jobs[i].engine = targets[i];
        jobs[i].function = code;
        jobs[i].gathered = gathered;
        jobs[i].task.argument = arguments[which];
        jobs[i].task.stops = stops;
        if (which < blobs.size()) jobs[i].blobs = blobs[which];
    }
    return dispatcher().submit(std::move(jobs), same);
}

using DependencyFields = std::tuple<Ids, bool, bool, bool>;

Dependency dependency(const std::optional<DependencyFields>& fields) {
    if (!fields) return {};
    auto [ids, all, success, failure] = *fields;
    return {.ids = std::move(ids), .all = all, .success = success, .failure = failure};
}

std::uint64_t submit_balanced(const std::vector<int>& engines, const py::bytes& function,
                              const py::list& arguments, const std::vector<py::list>& buffers,
                              const std::optional<DependencyFields>& after,
                              const std::optional<DependencyFields>& follow, int retries,
                              double timeout) {
    release_memory();
    auto placement = std::make_shared<Placement>();
    for (int engine : engines) placement->engines.insert(RankSet::single(engine));
    placement->after = dependency(after);
    placement->follow = dependency(follow);
    placement->retries = retries;
    placement->timeout = timeout;
    auto code = shared(function);
    std::vector<Job> jobs(arguments.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        jobs[i].placement = placement;
        jobs[i].function = code;
        jobs[i].task.balanced = true;
        jobs[i].task.argument = arguments[i].cast<py::bytes>();
        if (i < buffers.size()) jobs[i].blobs = memory_in(buffers[i]);
    }
    return dispatcher().submit(std::move(jobs), false);
}

/// Asks whether all or any of some tasks have ended, at little cost as long as nothing happens.
class Question {
  public:
    Question(Ids ids, bool any) : ids_(std::move(ids)), any_(any) {}
    bool operator()() {
        const std::uint64_t events = dispatcher().events();
        if (answer_ || (asked_ && events == seen_)) return answer_;
        asked_ = true;
        seen_ = events;
        return answer_ = ask();
    }

  private:
    bool ask() {
        auto ended = [](std::uint64_t id) { return dispatcher().has_ended(id); };
        if (any_) return ids_.empty() || std::any_of(ids_.begin(), ids_.end(), ended);
        while (next_ < ids_.size() && ended(ids_[next_])) ++next_;
        return next_ == ids_.size();
    }

    Ids ids_;
    bool any_;
    bool asked_ = false;
    bool answer_ = false;
    std::uint64_t seen_ = 0;
    std::size_t next_ = 0;
};

bool wait_for(const std::function<bool()>& done, double timeout) {
    Clock::time_point deadline = Clock::time_point::max();
    if (timeout == 0) return done();
    if (timeout > 0)
        deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(std::min(timeout, 1e9)));
    if (display->is_main_thread()) return display->work_until(done, deadline);
    WithoutGil without;
    Clock::duration look = first_look;
    bool in_time = true;
    while (!done() && (in_time = Clock::now() < deadline)) {
        const std::uint64_t before = dispatcher().events();
        dispatcher().await_event(before, std::min<Clock::duration>(look, deadline - Clock::now()));
        if (dispatcher().events() != before) {
            look = first_look;
        } else if (!done()) {
            display->call_main_thread();
            look = std::min<Clock::duration>(2 * look, longest_look);
        }
        without.stay_if_python_ends();
    }
    return in_time;
}

bool wait(Ids ids, double timeout, bool any) {
    Question question(std::move(ids), any);
    return wait_for([&] { return question(); }, timeout);
}

/// Waits until something has happened since events() was `before`.
bool wait_event(std::uint64_t before, double timeout) {
    return wait_for([before] { return dispatcher().events() != before; }, timeout);
}

py::list as_bytes(const std::vector<std::string>& texts) {
    py::list list;
    for (const std::string& text : texts) list.append(py::bytes(text));
    return list;
}

/// Whether and how it has ended, its engine, when it began, ended and was received, what it has
/// printed and published.
py::object about(const TaskRecord& record) {
    return py::make_tuple(record.ended, static_cast<int>(record.status), record.engine,
                          record.started, record.completed, record.received, py::bytes(record.out),
                          py::bytes(record.err), as_bytes(record.data));
}

py::object peek(std::uint64_t id) {
    std::optional<TaskRecord> copy;
    dispatcher().look(id, [&](const TaskRecord* record) {
        if (record == nullptr) return;
        copy.emplace();
        copy->ended = record->ended;
        copy->status = record->status;
        copy->engine = record->engine;
        copy->started = record->started;
        copy->completed = record->completed;
        copy->received = record->received;
        copy->out = record->out;
        copy->err = record->err;
        copy->data = record->data;
    });
    return copy ? about(*copy) : py::none();
}

/// How it has ended, its value and its memory, which are given away; None: it has not.
py::object take(std::uint64_t id) {
    release_memory();
    std::optional<TaskValue> value = dispatcher().take_value(id);
    if (!value) return py::none();
    return py::make_tuple(static_cast<int>(value->status), py::bytes(value->value),
                          objects_of(value->blobs));
}

py::list take_all(const Ids& ids) {
    py::list values;
    for (std::uint64_t id : ids) values.append(take(id));
    return values;
}

std::size_t count_ended(const Ids& ids) {
    return static_cast<std::size_t>(std::count_if(
        ids.begin(), ids.end(), [](std::uint64_t id) { return dispatcher().has_ended(id); }));
}

using Loads = std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>>;

/// For each engine its direct, balanced and completed tasks; and how many are at none.
std::pair<Loads, std::uint64_t> status() {
    return display->in_turn([] {
        const Scheduler& scheduler = dispatcher().scheduler();
        Loads loads;
        for (int i = 0; i < display->world_size(); ++i) {
            const Scheduler::Load load = scheduler.load(i);
            loads.emplace_back(load.direct, load.balanced, load.completed);
        }
        return std::pair(loads, scheduler.unassigned());
    });
}

/// The tasks that have not ended: number, engine or -1, whether balanced.
std::vector<std::tuple<std::uint64_t, int, bool>> outstanding() {
    const auto tasks = display->in_turn([] { return dispatcher().scheduler().outstanding(); });
    std::vector<std::tuple<std::uint64_t, int, bool>> found;
    found.reserve(tasks.size());
    for (const auto& [id, engine, balanced] : tasks) found.emplace_back(id, engine, balanced);
    return found;
}

py::handle engine_module() {
    static const py::handle module = py::module_::import("mpirepl._engine").release();
    return module;
}

/// A bytes object for the function of one task after the other, which is mostly the same.
py::bytes function_of(const Work& work) {
    static std::shared_ptr<const std::string> last;
    static PyObject* bytes = nullptr;
    if (last != work.function && (last == nullptr || *last != *work.function)) {
        last = work.function;
        Py_XSETREF(bytes, py::bytes(*last).release().ptr());
    }
    return py::reinterpret_borrow<py::bytes>(bytes);
}

TaskValue value_of(const py::tuple& fields) {
    return {.status = static_cast<TaskEnd::Status>(fields[0].cast<int>()),
            .value = fields[1].cast<py::bytes>(),
            .blobs = memory_in(fields[2].cast<py::list>())};
}

/// Whether memory lies right behind some other, in one piece with it.
bool lies_behind(const Blob& second, const Blob& first) {
    const bool one_piece =
        !second.data.owner_before(first.data) && !first.data.owner_before(second.data);
    return one_piece && first.data.get() + first.size == second.data.get();
}

}  // namespace

PYBIND11_EMBEDDED_MODULE(_mpirepl_tasks, module) {
    py::class_<Blob>(module, "Memory", py::buffer_protocol())
        .def_buffer([](const Blob& blob) {
            return py::buffer_info(reinterpret_cast<unsigned char*>(blob.data.get()),
                                   static_cast<py::ssize_t>(blob.size));
        })
        .def("follows", lies_behind);
    // On rank 0:
    module.def("copy", copy_of);
    module.def("submit", submit);
    module.def("at_end", [](py::object function) { at_end = function.release(); });
    module.def("submit_balanced", submit_balanced);
    module.def("wait", wait);
    module.def("wait_event", wait_event);
    module.def("work_now", [] { display->work_now(); });
    module.def("events", [] { return dispatcher().events(); });
    module.def("ended", [](std::uint64_t id) { return dispatcher().has_ended(id); });
    module.def("count_ended", count_ended);
    module.def("peek", peek);
    module.def("take", take);
    module.def("take_all", take_all);
    module.def("forget", [](const Ids& ids) { dispatcher().forget(ids); });
    module.def("abort", [](Ids ids) { dispatcher().abort(std::move(ids)); });
    module.def("send_signal", [](const std::vector<int>& engines, int signal) {
        dispatcher().send_signal(engines, signal);
    });
    // Another thread waits for its turn, which may last.
    module.def("status", status, py::call_guard<py::gil_scoped_release>());
    module.def("outstanding", outstanding, py::call_guard<py::gil_scoped_release>());
    // On all ranks, inside a task:
    module.def("running", [] { return relay->workbench().running(); });
    module.def("publish", [](const std::string& data) {
        relay->workbench().note(TaskNote::Kind::data, data);
    });
}

void connect_task_module(Relay* the_relay, Display* the_display) {
    relay = the_relay;
    display = the_display;
}

py::object raised_for_who_waits(bool interrupted) {
    const py::handle engine = engine_module();
    py::object raised = engine.attr("signalled");
    if (raised.is_none() && interrupted && engine.attr("interrupted").cast<bool>())
        raised = py::reinterpret_borrow<py::object>(PyExc_KeyboardInterrupt)();
    engine.attr("signalled") = py::none();
    engine.attr("interrupted") = false;
    return raised;
}

void end_program_with_client() {
    if (at_end) at_end();
}

void flush_python() {
    const py::gil_scoped_acquire gil;
    try {
        static const py::handle flush =
            py::object(py::module_::import("mpirepl._run").attr("flush")).release();
        flush();
    } catch (const py::error_already_set&) {
        // What cannot be written now cannot be later either.
    }
}

TaskValue run_in_python(const Work& work, const Runner::CodeEnd& code_end) {
    const py::gil_scoped_acquire gil;
    release_memory();
    const py::handle engine = engine_module();
    static const py::handle run = py::object(engine.attr("run")).release();
    std::optional<TaskValue> value;
    std::optional<py::object> raised;
    while (!value) {
        try {
            // A Ctrl-C may come before or after the task's own code; it is the task's all the same.
            if (work.interrupted && !raised) PyErr_SetNone(PyExc_KeyboardInterrupt);
            if (PyErr_Occurred() != nullptr) throw py::error_already_set();
            if (raised)
                value = value_of(engine.attr("failure")(*raised));
            else
                value = value_of(
                    run(function_of(work), py::bytes(work.task.argument), objects_of(work.blobs)));
        } catch (const py::error_already_set& error) {
            raised = error.value();
        }
    }
    const std::optional<BrokenCell> broken = code_end();
    if (broken) {
        try {
            value = value_of(engine.attr("broken_off")(*arguments_of(*broken)));
        } catch (const py::error_already_set&) {
            value->status = TaskEnd::Status::error;
        }
    }
    return *std::move(value);
}

}  // namespace mpirepl
