// PackingRules: the rules of placement that are compared, behind one interface.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "operator/simulate/packing.hpp"

namespace fermi::simulate {

// Tasks are named by the id of their need: its place in `needs`.
class Packer {
 public:
  virtual ~Packer() = default;
  // Places a task and books it; false when it fits nowhere.
  virtual bool place(std::uint32_t need) = 0;
};

// `counts`: how often each need occurs in the log, for a rule that is told.
std::unique_ptr<Packer> make_packer(PackingRule rule, const std::vector<PackingNode>& nodes,
                                    const std::vector<Need>& needs,
                                    const std::vector<std::int64_t>& counts);

}  // namespace fermi::simulate
