#include "operator/simulate/reader.hpp"

#include "operator/simulate/formats.hpp"

namespace fermi::simulate {
namespace {

constexpr std::pair<const char*, Format> kFormats[] = {
    {"swf", Format::kSwf},     {"cqsim", Format::kCqsim}, {"philly", Format::kPhilly},
    {"openb", Format::kOpenb}, {"csv", Format::kCsv},     {"journal", Format::kJournal}};

k8s::Status read_lines(Lines& lines, Format format, std::string_view columns, TraceBuilder& out) {
  switch (format) {
    case Format::kSwf:
      return read_swf(lines, out);
    case Format::kCqsim:
      return read_cqsim(lines, out);
    case Format::kPhilly:
      return read_philly(lines, out);
    case Format::kOpenb:
      return read_openb(lines, out);
    case Format::kCsv:
      return read_csv(lines, columns, out);
    case Format::kJournal:
      return read_journal(lines, out);
  }
  return {k8s::Code::kInvalid, "no such format"};
}

}  // namespace

k8s::Result<Format> parse_format(std::string_view name) {
  std::string known;
  for (const auto& [text, format] : kFormats) {
    if (name == text) return format;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  return k8s::Status(k8s::Code::kInvalid,
                     "\"" + std::string(name) + "\" is no format; there are " + known);
}

k8s::Result<Trace> read_trace(std::istream& in, Format format, std::string_view columns) {
  if (!columns.empty() && format != Format::kCsv) {
    return k8s::Status(k8s::Code::kInvalid, "columns are for the format csv alone");
  }
  Lines lines(in);
  TraceBuilder builder;
  auto status = read_lines(lines, format, columns, builder);
  if (status.is_ok()) status = lines.status();
  if (!status.is_ok()) return status;
  if (builder.full()) return lines.error("the trace has more than 20 million jobs");
  return builder.finish();
}

}  // namespace fermi::simulate
