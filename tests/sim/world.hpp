// World: the people around the operator. Users who submit work, and others who get in the way.
//
// Users make nodes, queues and, over the first minutes, jobs and plain Pods. Foreign actors delete
// Pods, cordon nodes, suspend, edit and delete jobs. All is drawn from the seed. They talk to the
// server directly: what goes wrong for them is not what is tested.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/sim/sim_server.hpp"
#include "tests/sim/truth.hpp"

namespace fermi::sim {

struct WorldOptions {
  int nodes_per_zone = 3;
  int zones = 2;
  int jobs = 12;
  int pod_gangs = 2;
  k8s::Duration submit_within = std::chrono::minutes(3);
  bool foreign = true;  // somebody gets in the way
};

class World {
 public:
  World(SimServer& server, Truth& truth, std::uint64_t seed, WorldOptions options);

  // Definitions, namespace, queues and nodes; then arranges the submissions. False, with a reason
  // in `error`, when the server refuses any of it.
  bool set_up();
  const std::string& error() const { return error_; }

  // One act of somebody who gets in the way.
  void interfere();
  // Undoes what keeps work from going on: cordons, suspensions, closed queues.
  void heal();
  // Deletes the jobs that never end by themselves.
  void end_endless();

  bool all_submitted() const { return submitted_ >= options_.jobs + options_.pod_gangs; }
  // Jobs that cannot fit even on the empty cluster; they wait for ever, and say why.
  const std::set<std::string>& impossible() const { return impossible_; }
  const std::set<std::string>& endless() const { return endless_; }

 private:
  bool apply_file(const std::string& path, const std::string& target);
  bool make(const std::string& target, const Json& object);
  bool make_nodes();
  void submit_job(int number);
  void submit_gang(int number);
  Json job_spec(const std::string& name);
  Json annotations(const std::string& name);
  const Json* any(const Truth::Objects& objects);
  void patch(const std::string& target, const Json& patch);

  void delete_pod();
  void toggle_cordon();
  void edit_job();
  void delete_job();

  SimServer& server_;
  Truth& truth_;
  k8s::testing::Random random_;
  WorldOptions options_;
  std::string error_;
  int submitted_ = 0;
  std::set<std::string> impossible_, endless_;
};

}  // namespace fermi::sim
