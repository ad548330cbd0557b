// RetryDelay: how long a key waits after its work has failed. Pure: time is an argument.
//
// The longer of two waits, as client-go's default limiter has it: 5 ms doubled with each failure of
// this key in a row, up to `cap`; and a place in a bucket of `per_second` retries that all keys
// share. The first bounds what one bad key costs, the second what a thousand cost together.
#pragma once

#include <chrono>
#include <string>
#include <unordered_map>

#include "libk8s/base/loop.hpp"

namespace k8s {

class RetryDelay {
 public:
  struct Options {
    Duration first = std::chrono::milliseconds(5);
    Duration cap = std::chrono::seconds(1000);
    int per_second = 10;  // retries of all keys together; 0: no limit
    int burst = 100;
  };

  RetryDelay() : RetryDelay(Options{}) {}
  explicit RetryDelay(Options options);

  // Counts a failure of `key` and says how long it waits.
  Duration next(const std::string& key, TimePoint now);
  // The key's work went well: it starts from the beginning at its next failure.
  void forget(const std::string& key) { failures_.erase(key); }
  int failures(const std::string& key) const;

 private:
  Duration bucket_wait(TimePoint now);

  Options options_;
  std::unordered_map<std::string, int> failures_;
  // The bucket as the moment at which it would be full again: each retry moves it on by one place.
  TimePoint full_at_;
};

}  // namespace k8s
