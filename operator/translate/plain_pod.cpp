#include "operator/translate/plain_pod.hpp"

#include <algorithm>
#include <charconv>

#include "operator/api/duration.hpp"
#include "operator/translate/objects.hpp"
#include "operator/translate/resources.hpp"

namespace fermi {
namespace {

bool older(const k8s::Pod& a, const k8s::Pod& b) {
  if (a.meta.creation_time != b.meta.creation_time)
    return a.meta.creation_time < b.meta.creation_time;
  return a.meta.name < b.meta.name;
}

bool by_itself(const k8s::Pod& pod, const k8s::PodGroup* native) {
  return group_key(pod, native).starts_with("pod ");
}

// Nothing for anything but a whole number from 1 to 4096.
std::optional<std::int64_t> gang_size(const std::string& text) {
  std::int64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end != text.data() + text.size() || size < 1 || size > 4096)
    return std::nullopt;
  return size;
}

std::string given(std::string_view text) { return "\"" + std::string(text.substr(0, 60)) + "\""; }

// What all members of a gang must say alike.
std::string disagreement(const k8s::Pod& a, const k8s::Pod& b) {
  const auto differs = [&](const char* key) { return a.meta.label(key) != b.meta.label(key); };
  const auto other = [&](const char* key) {
    return a.meta.annotation(key) != b.meta.annotation(key);
  };
  std::string what;
  for (const char* key : {label::kQueue, label::kGangSize})
    if (differs(key)) what = std::string("the label ") + key;
  for (const char* key :
       {annotation::kPriority, annotation::kPreemptible, annotation::kExpectedDuration,
        annotation::kCheckpointInterval, annotation::kZones})
    if (other(key)) what = std::string("the annotation ") + key;
  if (a.node_selector != b.node_selector) what = "spec.nodeSelector";
  if (a.required_affinity != b.required_affinity) what = "spec.affinity";
  if (a.tolerations != b.tolerations) what = "spec.tolerations";
  if (what.empty()) return "";
  return "Pods " + a.meta.name + " and " + b.meta.name + " of one gang disagree about " + what;
}

std::string why_not_whole(const std::vector<PodRef>& members, std::int64_t bound,
                          const k8s::PodGroup* native) {
  const k8s::Pod& first = *members.front();
  if (by_itself(first, native)) return "";
  const bool is_native = !first.scheduling_group.empty();
  if (is_native && native == nullptr)
    return "PodGroup " + native_key(first) + " of spec.schedulingGroup is not there";
  const std::string stated = stated_size(first, native);
  const auto size = gang_size(stated);
  if (!size)
    return (is_native ? "minCount of its PodGroup" : std::string(label::kGangSize)) + ": " +
           given(stated) + " is not allowed; a whole number from 1 to 4096";
  const auto here = static_cast<std::int64_t>(members.size()) + bound;
  if (here >= *size) return "";
  return "waits for " + std::to_string(*size - here) +
         " more Pods of its gang: " + std::to_string(here) + " of " + std::to_string(*size) +
         " are there";
}

std::string why_held(const std::vector<PodRef>& members, std::int64_t bound,
                     const k8s::PodGroup* native) {
  for (const PodRef& pod : members) {
    if (pod->gated) return "Pod " + pod->meta.name + " has scheduling gates";
    if (is_held(pod->meta)) return "Pod " + pod->meta.name + " is held by annotation";
    if (const std::string problem = hold_problem(pod->meta); !problem.empty())
      return "Pod " + pod->meta.name + ": " + problem;
    for (const char* key : {annotation::kSharedPart, annotation::kSharedDevice})
      if (!pod->meta.annotation(key).empty())
        return std::string(key) + ": plain Pods cannot ask for a part of a GPU; a TrainingJob can";
    const std::string differs = disagreement(*members.front(), *pod);
    if (!differs.empty()) return differs;
    if (!pod->scheduling_group.empty() && !pod->meta.label(label::kGang).empty())
      return "Pod " + pod->meta.name + " has both the label " + label::kGang +
             " and spec.schedulingGroup; one of them is enough";
  }
  return why_not_whole(members, bound, native);
}

// Once the tier is known.
void read_preemptible(const k8s::Pod& pod, sched::Task& task, std::string& problem) {
  const std::string_view text = pod.meta.annotation(annotation::kPreemptible);
  if (text.empty()) return;
  task.preemptible = text == "true";
  const std::string key = std::string(annotation::kPreemptible) + ": ";
  if (text != "true" && text != "false")
    problem = key + given(text) + " is not allowed; true or false";
  else if (!may_be_preemptible(task.preemptible, task.tier))
    problem = key + preemptible_refused(task.tier);
}

void read_duration(const k8s::Pod& pod, const char* key, std::int64_t& ns, std::string& problem) {
  const std::string_view text = pod.meta.annotation(key);
  if (text.empty()) return;
  const auto parsed = parse_duration_ns(text);
  if (parsed)
    ns = *parsed;
  else
    problem = std::string(key) + ": " + parsed.status().message();
}

// Reads the annotations; what is wrong becomes the reason to wait.
void read_wishes(const k8s::Pod& pod, const TaskQueue* queue, sched::Task& task,
                 std::string& problem) {
  const std::string_view priority = pod.meta.annotation(annotation::kPriority);
  const auto asked = tier_of(priority);
  if (!priority.empty() && !asked)
    problem = std::string(annotation::kPriority) + ": " + given(priority) +
              " is not allowed; one of High, Medium, Low";
  if (queue != nullptr) {
    const sched::Tier fallback = queue->spec.default_priority.value_or(queue->spec.tier);
    task.tier = std::max(asked.value_or(fallback), queue->spec.tier);
    task.expected_duration_ns = queue->spec.default_duration_ns;
    if (asked && *asked < queue->spec.tier)
      problem = std::string(annotation::kPriority) + ": " + given(priority) +
                " is not allowed; at most " + std::string(tier_name(queue->spec.tier)) +
                ", the tier of queue \"" + queue->meta.name + "\"";
  }
  if (queue != nullptr) read_preemptible(pod, task, problem);
  read_duration(pod, annotation::kExpectedDuration, task.expected_duration_ns, problem);
  read_duration(pod, annotation::kCheckpointInterval, task.checkpoint_every_ns, problem);
  std::string_view zones = pod.meta.annotation(annotation::kZones);
  while (!zones.empty()) {
    const std::string_view zone = zones.substr(0, zones.find(','));
    if (!zone.empty()) task.allowed_zones.emplace_back(zone);
    zones.remove_prefix(std::min(zone.size() + 1, zones.size()));
  }
}

void read_filters(const k8s::Pod& pod, sched::Task& task) {
  task.node_selector = pod.node_selector;
  for (const k8s::NodeSelectorTerm& term : pod.required_affinity) {
    std::vector<sched::Requirement> out;
    for (const k8s::NodeRequirement& r : term)
      out.push_back({r.on_field ? std::string(kNameField) : r.key, r.op, r.values});
    task.affinity.push_back(std::move(out));
  }
  for (const k8s::Toleration& t : pod.tolerations)
    task.tolerations.push_back({t.key, t.op, t.value, t.effect});
}

void add_groups(const std::vector<PodRef>& members, sched::Task& task) {
  for (const PodRef& pod : members) {
    sched::Resources requests = pod_to_engine(pod->requests);
    if (!task.groups.empty() && task.groups.back().requests == requests)
      ++task.groups.back().count;
    else
      task.groups.push_back({"", 1, std::move(requests)});
  }
}

}  // namespace

bool is_plain(const k8s::Pod& pod) {
  return pod.scheduler_name == kSchedulerName && !pod.meta.label(label::kQueue).empty() &&
         !job_rank(pod);
}

bool is_stray(const k8s::Pod& pod) {
  return pod.scheduler_name == kSchedulerName && pod.meta.label(label::kQueue).empty() &&
         !job_rank(pod) && is_waiting(pod) && !pod.gated;
}

bool is_waiting(const k8s::Pod& pod) {
  return pod.node_name.empty() && !pod.finished() && !pod.meta.deleting();
}

std::string native_key(const k8s::Pod& pod) {
  return pod.scheduling_group.empty() ? "" : pod.meta.ns + "/" + pod.scheduling_group;
}

std::string group_key(const k8s::Pod& pod, const k8s::PodGroup* native) {
  const bool one_by_one = native != nullptr && native->min_count == 0;
  if (!pod.scheduling_group.empty() && !one_by_one) return "podgroup " + native_key(pod);
  if (pod.meta.label(label::kGang).empty()) return "pod " + pod.meta.key();
  return "gang " + pod.meta.ns + "/" + std::string(pod.meta.label(label::kGang));
}

std::string stated_size(const k8s::Pod& pod, const k8s::PodGroup* native) {
  if (by_itself(pod, native)) return "";
  if (pod.scheduling_group.empty()) return std::string(pod.meta.label(label::kGangSize));
  return native == nullptr ? "" : std::to_string(native->min_count);
}

void sort_members(std::vector<PodRef>& members) {
  std::sort(members.begin(), members.end(), [](const PodRef& a, const PodRef& b) {
    if (a->requests != b->requests) return a->requests < b->requests;
    return older(*a, *b);
  });
}

std::string tenant_of(const k8s::Pod& pod, const TaskQueue* queue) {
  if (queue == nullptr || queue->spec.tenant_label.empty()) return pod.meta.ns;
  const std::string tenant{pod.meta.label(queue->spec.tenant_label)};
  return tenant.empty() ? pod.meta.ns : tenant;
}

sched::Task plain_task(const std::vector<PodRef>& members, std::int64_t bound,
                       const TaskQueue* queue, const k8s::PodGroup* native) {
  const k8s::Pod& first =
      **std::min_element(members.begin(), members.end(),
                         [](const PodRef& a, const PodRef& b) { return older(*a, *b); });
  sched::Task task;
  task.uid = first.meta.uid;
  task.ns = first.meta.ns;
  const std::string group = group_key(first, native);
  task.name = group.substr(group.find('/') + 1);
  task.kind = by_itself(first, native) ? "Pod" : "PodGroup";
  task.queue = first.meta.label(label::kQueue);
  task.tenant = tenant_of(first, queue);
  task.submitted = {first.meta.creation_time.ns};
  task.held_why = why_held(members, bound, native);
  // A Pod without a controller would not come back.
  task.unevictable = std::any_of(members.begin(), members.end(), [](const PodRef& pod) {
    return pod->meta.controller() == nullptr;
  });
  std::string problem;
  read_wishes(first, queue, task, problem);
  if (!problem.empty()) task.held_why = problem;
  if (queue != nullptr && came_late(first.meta.creation_time, *queue)) {
    task.queue.clear();
    task.held_why = takes_nothing_new(*queue);
  }
  task.held = !task.held_why.empty();
  read_filters(first, task);
  add_groups(members, task);
  return task;
}

}  // namespace fermi
