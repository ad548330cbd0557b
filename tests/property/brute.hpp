// Brute: every way to give each Pod of a gang a node, in turn. The definition of "it fits".
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/property/world.hpp"

namespace sched::property {

using FreeRoom = std::map<std::string, Resources>;  // by node; may be below 0 where overdrawn

// Adds (sign 1) or takes (sign -1) one Pod's requests.
void move(Resources& free, const Resources& request, int sign);

class Brute {
 public:
  // All that the world's Pods leave.
  Brute(const World& world, const Task& task);
  Brute(const World& world, const Task& task, FreeRoom free);
  bool feasible() { return place(0); }
  // What its queue uses on each node already; counts in the queue's quotas.
  std::map<std::string, Resources> used_on;
  // What else has to hold of the node of each rank; null: nothing.
  std::function<bool(const std::vector<std::string>&)> also;

 private:
  bool place(std::size_t rank);
  bool lies_as_required() const;
  bool within_quotas() const;

  const World& world_;
  const Task& task_;
  FreeRoom free_;
  std::map<std::string, std::string> region_;
  std::vector<const PodGroup*> ranks_;
  std::vector<std::string> chosen_;
  std::map<std::string, std::int64_t> per_zone_;
  std::set<std::string> eligible_;
};

// Where the node lies at the level that the task asks for, as a person would say it: its labels
// from the widest level down to that one. Nothing when it carries no label of the level.
std::optional<std::string> domain_of(const World& world, const Task& task, const Node& node);

bool shares_zones(const Task& task);
// An even spread under further limits is defined by the engine (which zones count), not by the
// specification; the auditor leaves it alone, and so do the tests.
bool defined(const Task& task);

}  // namespace sched::property
