// Who may submit to a queue: namespaces whose labels its selector matches. Pure.
#pragma once

#include <string>

#include "operator/api/namespace.hpp"
#include "operator/api/task_queue.hpp"

namespace fermi {

// Why tasks of this namespace are not taken in by the queue; "" when they are. `space` is null
// while the namespace is not known: then it has no labels. Without a selector all may submit.
std::string submitter_problem(const std::string& ns, const Namespace* space,
                              const TaskQueue* queue);

}  // namespace fermi
