#pragma once

#include <stdexcept>
#include <string>

namespace mpirepl {

/// Something that the user can put right: what() is one sentence that says what happened and what
/// to do. `status` is what the program exits with when this ends it.
class UserError : public std::runtime_error {
  public:
    explicit UserError(const std::string& sentence, int status = 2)
        : std::runtime_error(sentence), status_(status) {}
    int status() const { return status_; }

  private:
    int status_;
};

}  // namespace mpirepl
