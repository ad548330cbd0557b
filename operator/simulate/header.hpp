// Header: the first line of a table, as the places of its columns by name.
#pragma once

#include <map>
#include <string>

#include "operator/simulate/lines.hpp"

namespace fermi::simulate {

class Header {
 public:
  // The next line of the text, between commas. An empty text is a header without columns.
  static Header read(Lines& lines);
  // kInvalid, naming the column and those that there are.
  k8s::Result<std::size_t> column(const std::string& name) const;

 private:
  std::map<std::string, std::size_t> columns_;
  std::string names_;
};

}  // namespace fermi::simulate
