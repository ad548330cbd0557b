#include "libk8s/workqueue/retry_delay.hpp"

#include <algorithm>

namespace k8s {

RetryDelay::RetryDelay(Options options) : options_(options) {}

Duration RetryDelay::next(const std::string& key, TimePoint now) {
  const int failures = failures_[key]++;
  Duration wait = options_.first;
  for (int i = 0; i < failures && wait < options_.cap; ++i) wait *= 2;
  return std::max(std::min(wait, options_.cap), bucket_wait(now));
}

Duration RetryDelay::bucket_wait(TimePoint now) {
  if (options_.per_second <= 0) return Duration(0);
  const Duration place = Duration(std::chrono::seconds(1)) / options_.per_second;
  full_at_ = std::max(full_at_, now) + place;
  const Duration allowed = place * options_.burst;
  return std::max(full_at_ - now - allowed, Duration(0));
}

int RetryDelay::failures(const std::string& key) const {
  const auto found = failures_.find(key);
  return found == failures_.end() ? 0 : found->second;
}

}  // namespace k8s
