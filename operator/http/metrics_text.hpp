// The operator's metrics in the Prometheus text format.
#pragma once

#include <string>

namespace fermi {

struct Metrics;

// Names follow Prometheus' conventions: fermi_<what>_total, seconds, label values as they are.
std::string metrics_text(const Metrics& metrics);

}  // namespace fermi
