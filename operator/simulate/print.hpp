// Print: figures as text. Pure: the same figures give the same bytes.
#pragma once

#include <string>
#include <vector>

#include "operator/simulate/figures.hpp"

namespace fermi::simulate {

// One line a strategy, columns aligned; below it what the trace's notes have to say.
std::string as_table(const Trace& trace, const Cluster& cluster,
                     const std::vector<Figures>& figures);
// {"trace": {...}, "cluster": {...}, "strategies": [{...}, ...]}
std::string as_json(const Trace& trace, const Cluster& cluster,
                    const std::vector<Figures>& figures);
// A picture that stands alone: mean waits by size class, and GPUs in use over time.
std::string as_svg(const Trace& trace, const Cluster& cluster, const std::vector<Figures>& figures);

}  // namespace fermi::simulate
