#include "tests/sim/truth.hpp"

#include <cmath>
#include <cstdlib>

namespace fermi::sim {
namespace {

const std::map<std::string, double>& suffixes() {
  static const std::map<std::string, double> table = {{"", 1},
                                                      {"m", 1e-3},
                                                      {"k", 1e3},
                                                      {"M", 1e6},
                                                      {"G", 1e9},
                                                      {"T", 1e12},
                                                      {"Ki", 1024.0},
                                                      {"Mi", 1048576.0},
                                                      {"Gi", 1073741824.0},
                                                      {"Ti", 1099511627776.0}};
  return table;
}

std::string key_of(const Json& object) {
  const std::string ns = text_at(object, "/metadata/namespace");
  const std::string name = text_at(object, "/metadata/name");
  return ns.empty() ? name : ns + "/" + name;
}

Amounts requests_of(const Json& container) {
  Amounts amounts;
  for (const char* section : {"/resources/limits", "/resources/requests"}) {
    const Json::json_pointer at(section);
    if (!container.contains(at)) continue;
    for (const auto& [name, amount] : container.at(at).items()) amounts[name] = milli(amount);
  }
  return amounts;
}

}  // namespace

std::int64_t milli(const Json& quantity) {
  if (quantity.is_number()) return std::llround(quantity.get<double>() * 1000);
  const std::string text = quantity.get<std::string>();
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const auto suffix = suffixes().find(end);
  // The amounts of a simulation are small enough for a double to hold them exactly.
  return suffix == suffixes().end() ? 0 : std::llround(number * suffix->second * 1000);
}

std::string text_at(const Json& object, const std::string& pointer) {
  const Json::json_pointer at(pointer);
  return object.contains(at) && object.at(at).is_string() ? object.at(at).get<std::string>() : "";
}

bool flag_at(const Json& object, const std::string& pointer) {
  const Json::json_pointer at(pointer);
  return object.contains(at) && object.at(at) == true;
}

Amounts held_by(const Json& pod) {
  Amounts sum;
  for (const Json& container : pod["spec"].value("containers", Json::array()))
    for (const auto& [name, amount] : requests_of(container)) sum[name] += amount;
  for (const Json& container : pod["spec"].value("initContainers", Json::array()))
    for (const auto& [name, amount] : requests_of(container))
      sum[name] = std::max(sum[name], amount);
  sum["pods"] = 1000;
  return sum;
}

bool occupies(const Json& pod) {
  const std::string phase = text_at(pod, "/status/phase");
  return !text_at(pod, "/spec/nodeName").empty() && phase != "Succeeded" && phase != "Failed";
}

bool is_deleting(const Json& object) {
  return !text_at(object, "/metadata/deletionTimestamp").empty();
}

Truth::Truth(SimServer& server) : server_(server) {
  kinds_["pods"].path = "/api/v1/pods";
  kinds_["nodes"].path = "/api/v1/nodes";
  kinds_["jobs"].path = "/apis/fermi-cluster.com/v1alpha1/trainingjobs";
  server.on_changed([this] { drain(); });
}

Amounts Truth::used(const std::string& node) const {
  Amounts sum;
  for (const auto& [key, pod] : pods()) {
    if (!occupies(pod) || text_at(pod, "/spec/nodeName") != node) continue;
    for (const auto& [name, amount] : held_by(pod)) sum[name] += amount;
  }
  return sum;
}

void Truth::drain() {
  if (draining_) return;
  draining_ = true;
  for (auto& [name, kind] : kinds_) drain_kind(name, kind);
  draining_ = false;
}

void Truth::reopen() {
  for (auto& [name, kind] : kinds_) kind.stream = nullptr;
  drain();
}

void Truth::drain_kind(const std::string& name, Kind& kind) {
  if (!kind.stream) return open(name, kind);
  const std::string bytes = kind.stream->take();
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t end = bytes.find('\n', at);
    take_line(name, kind, bytes.substr(at, end - at));
    at = end == std::string::npos ? bytes.size() : end + 1;
  }
  if (kind.stream->ended()) open(name, kind);
}

void Truth::take_line(const std::string& name, Kind& kind, const std::string& line) {
  const Json event = Json::parse(line, nullptr, false);
  if (event.is_discarded()) return;
  const std::string type = event.value("type", "");
  if (type == "ADDED" || type == "MODIFIED")
    put(name, kind, key_of(event["object"]), &event["object"]);
  if (type == "DELETED") put(name, kind, key_of(event["object"]), nullptr);
}

// A list, and a watch from where it stands; no time passes between them.
void Truth::open(const std::string& name, Kind& kind) {
  kind.stream = nullptr;
  k8s::http::Request list;
  list.method = "GET";
  list.target = kind.path;
  const auto listed = server_.handle("truth", list);
  if (listed.response.status != 200) return;
  const Json body = Json::parse(listed.response.body);
  replace(name, kind, body);
  k8s::http::Request watch = list;
  watch.target += "?watch=true&timeoutSeconds=86400&resourceVersion=" +
                  text_at(body, "/metadata/resourceVersion");
  kind.stream = server_.handle("truth", watch).stream;
}

void Truth::replace(const std::string& name, Kind& kind, const Json& list) {
  Objects fresh;
  for (const Json& item : list["items"]) fresh[key_of(item)] = item;
  std::vector<std::string> gone;
  for (const auto& [key, object] : kind.objects)
    if (!fresh.contains(key)) gone.push_back(key);
  for (const std::string& key : gone) put(name, kind, key, nullptr);
  for (const auto& [key, object] : fresh) put(name, kind, key, &object);
}

void Truth::put(const std::string& name, Kind& kind, const std::string& key, const Json* after) {
  const auto found = kind.objects.find(key);
  const bool known = found != kind.objects.end();
  if (!known && after == nullptr) return;
  const Json before = known ? found->second : Json();
  if (known && after != nullptr && before == *after) return;
  if (after == nullptr) {
    kind.objects.erase(found);
  } else {
    kind.objects[key] = *after;
  }
  for (const Listener& listener : listeners_) listener(name, known ? &before : nullptr, after);
}

}  // namespace fermi::sim
