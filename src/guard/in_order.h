#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mpirepl::guard {

/// A value for each text, in the order in which the texts came.
template <typename Value>
class InOrder {
  public:
    Value& operator[](const std::string& text) {
        auto [place, is_new] = places_.try_emplace(text, items_.size());
        if (is_new) items_.emplace_back(text, Value());
        return items_[place->second].second;
    }
    auto begin() const { return items_.begin(); }
    auto end() const { return items_.end(); }

  private:
    std::vector<std::pair<std::string, Value>> items_;
    std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace mpirepl::guard
