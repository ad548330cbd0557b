// Plain Pods that ask for a queue, as tasks of the engine. Pure.
//
// A Pod with schedulerName fermi-scheduler and the label
// fermi-cluster.com/queue is a task of its own; with fermi-cluster.com/gang and
// -gang-size, or with a native PodGroup (spec.schedulingGroup) whose policy is
// gang, the waiting Pods of that gang are one together. The Pod that was
// made first gives the task its id and its submit time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "libk8s/types/pod.hpp"
#include "libk8s/types/pod_group.hpp"
#include "operator/api/task_queue.hpp"
#include "scheduler/delta.hpp"

namespace fermi {

using PodRef = std::shared_ptr<const k8s::Pod>;

// Whether the Pod is one for us to place: it names our scheduler and a queue,
// and no job owns it.
bool is_plain(const k8s::Pod& pod);
// Whether it names our scheduler, but no queue, and nothing else keeps it from
// being placed: nobody will ever place it as it is.
bool is_stray(const k8s::Pod& pod);
// Unbound, not ended, not being deleted.
bool is_waiting(const k8s::Pod& pod);
// "ns/name" of the native PodGroup that it names, or "".
std::string native_key(const k8s::Pod& pod);
// Who is placed together: "gang ns/NAME", "podgroup ns/NAME", or "pod ns/NAME" for one by itself.
// `native`, the PodGroup that it names, is null while that is not known.
std::string group_key(const k8s::Pod& pod, const k8s::PodGroup* native = nullptr);
// How many of its gang have to be there, as its label or its PodGroup says; "" for one by itself.
std::string stated_size(const k8s::Pod& pod, const k8s::PodGroup* native);

// The order of ranks: Pods that ask for the same stand together; then by age
// and name.
void sort_members(std::vector<PodRef>& members);

// Who is charged for a Pod in this queue (null: it is not there).
std::string tenant_of(const k8s::Pod& pod, const TaskQueue* queue);

// The task of these waiting members (not empty, sorted), of which `bound`
// others already run. It is held, with the reason, when it is not whole or its
// members disagree.
sched::Task plain_task(const std::vector<PodRef>& members, std::int64_t bound,
                       const TaskQueue* queue, const k8s::PodGroup* native = nullptr);

}  // namespace fermi
