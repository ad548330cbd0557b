// Follower: shows TrainingJobs live on a terminal: place in line and why, placement, start, the
// logs of every rank with progress, and the outcome. Reads the API like any other client; decides
// and writes nothing. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "libk8s/http/message.hpp"

namespace fermi {

class Follower {
 public:
  // Gets whole lines, without the line end.
  using Print = std::function<void(const std::string& line)>;
  struct Outcome {
    bool all_completed = false;
    int exit_code = 0;  // of the first job that failed
  };

  // `keys`: "namespace/name" of the jobs to follow. `on_end` is called once, when all have ended
  // and their logs have been shown.
  Follower(k8s::Loop& loop, k8s::http::Transport& transport, std::vector<std::string> keys,
           Print print, std::function<void(Outcome)> on_end);
  ~Follower();
  void start();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fermi
