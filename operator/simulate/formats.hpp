// The readers of the single formats, for reader.cpp. Each reads all lines into the builder; what
// is wrong with a line comes back as a sentence with its number.
#pragma once

#include <string_view>

#include "operator/simulate/lines.hpp"
#include "operator/simulate/trace.hpp"

namespace fermi::simulate {

k8s::Status read_swf(Lines& lines, TraceBuilder& out);
k8s::Status read_cqsim(Lines& lines, TraceBuilder& out);
k8s::Status read_philly(Lines& lines, TraceBuilder& out);
k8s::Status read_openb(Lines& lines, TraceBuilder& out);
k8s::Status read_csv(Lines& lines, std::string_view columns, TraceBuilder& out);
k8s::Status read_journal(Lines& lines, TraceBuilder& out);

}  // namespace fermi::simulate
