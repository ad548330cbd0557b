// What the strategy and the switches of a queue come to, in words for people. Pure.
#pragma once

#include <string>

#include "operator/api/task_queue.hpp"
#include "scheduler/delta.hpp"

namespace fermi {

// "by submit time; ...": who is next and who may pass, as `rules` says, then the fields of `spec`
// that are set and change nothing as things are.
std::string rules_in_words(const TaskQueueSpec& spec, const sched::Queue& rules);

}  // namespace fermi
