#pragma once

#include <string>
#include <vector>

#include "base/picture.h"

/// Judges what the ranks of a cell tell about themselves: is it a deadlock, whose, and why. Pure
/// functions without MPI, for rank 0's agent.
///
/// A deadlock is certain when two censuses, the grace apart, may both be stuck, are unchanged, and
/// nothing is on its way. What a picture leaves open counts as on its way: there must be no false
/// alarm.
namespace mpirepl::guard {

/// Nobody computes, and somebody waits.
bool may_be_stuck(const std::vector<Picture>& pictures);

/// The same ranks, and nothing has happened on any of them. The order of pictures is free.
bool unchanged(const std::vector<Picture>& before, const std::vector<Picture>& after);

/// Can anything that anyone waits for still happen?
bool something_is_on_its_way(const std::vector<Picture>& pictures);

/// What each waiting rank is told; ranks with equal text together, ascending by their first.
/// The texts end without a newline.
std::vector<Diagnosis> diagnose(const std::vector<Picture>& pictures);

/// What %where prints: for ranks that are at the same place in the same call a line, which ends
/// with a newline.
std::string where(const std::vector<Picture>& pictures);

}  // namespace mpirepl::guard
