#include "operator/simulate/header.hpp"

namespace fermi::simulate {

Header Header::read(Lines& lines) {
  Header header;
  const auto line = lines.next();
  if (!line) return header;
  header.names_ = line->substr(0, 200);
  Row row(*line, ',');
  for (std::size_t i = 0; i < row.size(); ++i) {
    header.columns_.emplace(row.text(i, "column"), i);
  }
  return header;
}

k8s::Result<std::size_t> Header::column(const std::string& name) const {
  if (auto found = columns_.find(name); found != columns_.end()) return found->second;
  if (columns_.empty()) {
    return k8s::Status(k8s::Code::kInvalid, "the file is empty: its first line names the columns");
  }
  return k8s::Status(k8s::Code::kInvalid,
                     "the first line names no column \"" + name + "\"; it is: " + names_);
}

}  // namespace fermi::simulate
