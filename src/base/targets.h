#pragma once

#include <string_view>

#include "base/rank_set.h"

namespace mpirepl {

/// The ranks that a target specification names among ranks 0 to size-1:
///
///     targets := item {',' item}      item := ['!'] ( 'all' | int | int '-' int | slice )
///
/// Negative integers count from the end, ranges include both ends, slices are Python's (clipped,
/// end excluded). Items with '!' are taken from the union of the others, or from all ranks where
/// there are no others.
/// @throws UserError when an item is malformed or names no rank, or when none is left.
RankSet parse_targets(std::string_view spec, int size);

}  // namespace mpirepl
