#include "operator/reconcile/failure.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "operator/api/duration.hpp"

namespace fermi {
namespace {

constexpr std::array<std::string_view, 6> kDisruptions = {"Evicted",  "NodeLost",   "NodeShutdown",
                                                          "Shutdown", "Terminated", "Preempting"};
constexpr std::array<std::string_view, 4> kRejections = {
    "UnexpectedAdmissionError", "NodeAffinity", "NodeAffinityMismatch", "PodOSNotSupported"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_disrupted(const k8s::Pod& pod) {
  const k8s::PodCondition* target = pod.condition("DisruptionTarget");
  return (target != nullptr && target->status == "True") || contains(kDisruptions, pod.reason);
}

bool is_rejected(const k8s::Pod& pod) {
  return pod.reason.starts_with("OutOf") || contains(kRejections, pod.reason);
}

// The first container that ended badly, null when none did.
const k8s::ContainerStatus* bad_end(const k8s::Pod& pod) {
  const k8s::ContainerStatus* first = nullptr;
  for (const k8s::ContainerStatus& c : pod.containers) {
    if (c.state != k8s::ContainerStatus::State::kTerminated) continue;
    if (c.exit_code == 0 && c.signal == 0) continue;
    if (first == nullptr || c.finished < first->finished) first = &c;
  }
  return first;
}

void describe_exit(const k8s::ContainerStatus& end, Failure& out) {
  out.exit_code = end.exit_code != 0 ? end.exit_code : 128 + end.signal;
  out.at = end.finished.value_or(k8s::WallTime{});
  out.reason = end.reason.empty() || end.reason == "Error" ? "ExitCode" : end.reason;
  out.message =
      "rank " + std::to_string(out.rank) + " ended with exit code " + std::to_string(out.exit_code);
  if (end.reason == "OOMKilled") out.message += " (it used more memory than it asked for)";
  if (!end.message.empty()) out.message += ": " + end.message.substr(0, 300);
}

// Lower decides first.
std::int64_t order_of(const Failure& failure) {
  return failure.cause == Cause::kDisruption ? 0 : 1;
}

}  // namespace

Failure why_failed(const k8s::Pod& pod, std::int64_t rank) {
  Failure out;
  out.rank = rank;
  if (is_disrupted(pod) || is_rejected(pod)) {
    out.cause = is_rejected(pod) ? Cause::kRejected : Cause::kDisruption;
    out.reason = pod.reason.empty() ? "Disrupted" : pod.reason;
    out.message = "rank " + std::to_string(rank) + " was stopped on node " + pod.node_name + ": " +
                  out.reason;
    if (!pod.message.empty()) out.message += ": " + pod.message.substr(0, 300);
    return out;
  }
  if (const k8s::ContainerStatus* end = bad_end(pod)) {
    describe_exit(*end, out);
    return out;
  }
  // A Pod that failed without a word of its containers: nothing says that the program is at fault.
  out.exit_code = 128;
  out.reason = pod.reason.empty() ? "PodFailed" : pod.reason;
  out.message = "rank " + std::to_string(rank) + " failed: " + out.reason;
  if (!pod.message.empty()) out.message += ": " + pod.message.substr(0, 300);
  return out;
}

const Failure* deciding(const std::vector<Failure>& failures, const TrainingJobSpec& spec) {
  const auto key = [&spec](const Failure& f) {
    const int final = may_retry(spec, f.exit_code) ? 0 : 1;
    return std::tuple(order_of(f), f.at, final, f.rank);
  };
  const auto first =
      std::min_element(failures.begin(), failures.end(),
                       [&key](const Failure& a, const Failure& b) { return key(a) < key(b); });
  return first == failures.end() ? nullptr : &*first;
}

bool may_retry(const TrainingJobSpec& spec, std::int64_t exit_code) {
  for (const RetryRule& rule : spec.retry_rules)
    if (std::find(rule.exit_codes.begin(), rule.exit_codes.end(), exit_code) !=
        rule.exit_codes.end())
      return rule.retry;
  return exit_code >= 128;
}

std::int64_t backoff_ns(std::int64_t first_ns, std::int64_t n) {
  constexpr std::int64_t kMost = 600 * kNsPerSecond;
  std::int64_t wait = std::min(first_ns, kMost);
  for (std::int64_t i = 1; i < n && wait < kMost && wait > 0; ++i) wait = std::min(wait * 2, kMost);
  return wait;
}

std::int64_t disruption_backoff_ns(std::int64_t n) {
  return std::min(backoff_ns(kNsPerSecond, n), 60 * kNsPerSecond);
}

std::int64_t start_backoff_ns(std::int64_t n) {
  return std::min(backoff_ns(10 * kNsPerSecond, n), 300 * kNsPerSecond);
}

}  // namespace fermi
