#include "libk8s/watch/informer.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"

namespace k8s {

Status with_json_object(std::string_view text,
                        const std::function<Status(const nlohmann::json&)>& use) {
  const Result<nlohmann::json> parsed = parse_json(text);
  return parsed ? use(*parsed) : parsed.status();
}

}  // namespace k8s
