// The parts of the function table that have files of their own. Internal to cel_functions*.cpp.
#pragma once

#include <vector>

#include "libk8s/apiserver/schema/cel_functions.hpp"

namespace k8s::apiserver::cel {

std::vector<Function> text_functions();
std::vector<Function> list_functions();
std::vector<Function> quantity_functions();

}  // namespace k8s::apiserver::cel
