#pragma once

#include <cstddef>
#include <string>

namespace mpirepl {

/// Where the printer's text goes: to descriptors (Writer), or onto a terminal (Screen).
class Sink {
  public:
    enum Destination { out = 0, err = 1 };

    virtual ~Sink() = default;
    virtual void write(Destination destination, std::string&& text) = 0;
    /// Bytes that have not been written yet.
    virtual std::size_t waiting() const = 0;
    /// errno of a write that failed, else 0.
    virtual int failure(Destination destination) const = 0;
};

}  // namespace mpirepl
