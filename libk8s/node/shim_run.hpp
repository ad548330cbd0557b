// ContainerRun: the shim's side of one run of a container: its supervisor, its log, how it went.
//
// Made for a start, thrown away when the supervisor has been reaped. For the shim's one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "libk8s/node/log_writer.hpp"
#include "libk8s/node/supervisor.hpp"

namespace k8s::node {

class ContainerRun {
 public:
  // `reader`: gives the wall time for log lines. `on_message`: everything but 'E' and 'F', which
  // are kept here until the end.
  ContainerRun(Supervisor supervisor, LogWriter::Options log, std::function<WallTime()> clock,
               std::function<void(std::string_view)> on_message);

  pid_t pid() const { return supervisor_.pid; }
  int control() const { return supervisor_.control.get(); }
  int output(LogStream stream) const;

  void receive();
  void copy_output(LogStream stream);
  void signal(int number) const;
  // Asks the supervisor to kill everything; from the third time on kills the supervisor itself.
  void kill(int times_before) const;
  void probe(char which) const;

  // After the supervisor was reaped: takes in what it still said and printed.
  void finish();
  const std::optional<std::string>& start_error() const { return start_error_; }
  // The command's wait status; as if killed when nobody saw it end.
  int wait_status() const { return status_.value_or(9); }

 private:
  bool copy_once(LogStream stream);

  Supervisor supervisor_;
  LogWriter log_;
  std::function<WallTime()> clock_;
  std::function<void(std::string_view)> on_message_;
  std::optional<std::string> start_error_;
  std::optional<int> status_;
};

}  // namespace k8s::node
