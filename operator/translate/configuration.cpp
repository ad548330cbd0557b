#include "operator/translate/configuration.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/yaml.hpp"
#include "operator/api/duration.hpp"
#include "scheduler/limits.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxEntries = 10'000;

// Money may be written as text or as a plain number; both are read as decimals.
std::int64_t read_money(FieldReader& reader, std::string_view key, std::int64_t fallback) {
  if (!reader.has(key)) return fallback;
  const Json& value = reader.raw(key);
  auto micros = parse_micros(value.is_string() ? value.get<std::string>() : value.dump());
  if (micros) return *micros;
  reader.problem(key, micros.status().message());
  return fallback;
}

sched::Price read_price(FieldReader reader, const sched::Price& base) {
  sched::Price out = base;
  out.gpu_default = read_money(reader, "gpu", base.gpu_default);
  out.cpu_core = read_money(reader, "cpuCore", base.cpu_core);
  out.memory_gib = read_money(reader, "memoryGiB", base.memory_gib);
  FieldReader models = reader.child("gpuModels");
  if (reader.raw("gpuModels").is_object())
    for (const auto& [model, price] : reader.raw("gpuModels").items())
      out.gpu_by_model[model] = read_money(models, model, out.gpu_default);
  return out;
}

void read_latency(FieldReader& entry, sched::ConfigUpdate& out) {
  const auto zones = entry.texts("between", 2, {1, 63});
  if (zones.size() != 2) {
    entry.refuse("between", "two names of zones");
    return;
  }
  auto latency = parse_latency_us(entry.text("latency", {1, 16}));
  if (!latency) {
    entry.problem("latency", latency.status().message());
    return;
  }
  out.latency_us[std::minmax(zones[0], zones[1])] = *latency;
}

// From wide to narrow. A level that is named twice would be two things under one name.
void read_level(FieldReader& entry, sched::ConfigUpdate& out) {
  entry.require("level");
  entry.require("label");
  const sched::TopologyLevel level{entry.text("level", {1, 63}), entry.text("label", {1, 317})};
  for (const sched::TopologyLevel& wider : out.topology) {
    if (wider.name == level.name && !level.name.empty())
      return entry.problem("level", "\"" + level.name + "\" stands twice; give each level once");
    if (wider.label == level.label && !level.label.empty())
      return entry.problem("label", "\"" + level.label + "\" stands twice; give each label once");
  }
  if (!level.name.empty() && !level.label.empty()) out.topology.push_back(level);
}

void read_names(FieldReader& root, const char* key, std::map<std::string, std::string>& out) {
  FieldReader all = root.child(key);
  if (!root.raw(key).is_object()) return;
  for (const auto& [name, entry] : root.raw(key).items()) {
    const std::string shown = all.child(name).text("displayName", {1, 100});
    if (!shown.empty()) out[name] = shown;
  }
}

void read_gpu_models(FieldReader models, GpuModels& out) {
  out.label = models.text("label", {1, 317}, out.label);
  for (const auto& [value, name] : models.text_map("names", kMaxEntries, {1, 63}))
    out.names[value] = name;
}

}  // namespace

std::string called(const std::map<std::string, std::string>& names, const std::string& name) {
  const auto known = names.find(name);
  return known == names.end() ? name : known->second + " (" + name + ")";
}

Configuration parse_configuration(std::string_view yaml) {
  Configuration out;
  auto parsed = k8s::parse_yaml(yaml);
  if (!parsed) {
    out.problems.push_back("configuration: " + parsed.status().message());
    return out;
  }
  FieldReader root(*parsed, "", out.problems);
  out.currency = root.text("currency", {1, 8}, out.currency);
  out.gpu_resource = root.text("gpuResource", {1, 253}, out.gpu_resource);
  FieldReader prices = root.child("prices");
  out.engine.price = read_price(prices, {});
  FieldReader zones = prices.child("zones");
  if (prices.raw("zones").is_object())
    for (const auto& [zone, price] : prices.raw("zones").items())
      out.engine.zone_price[zone] = read_price(zones.child(zone), out.engine.price);
  root.each("latencies", kMaxEntries, [&](FieldReader& entry) { read_latency(entry, out.engine); });
  root.each("topology", sched::kTopologyLevelsMax,
            [&](FieldReader& entry) { read_level(entry, out.engine); });
  read_gpu_models(root.child("gpuModels"), out.gpu_models);
  out.engine.degraded_permille =
      10 * root.integer("degradedPercent", out.engine.degraded_permille / 10, {1, 100});
  read_names(root, "regions", out.region_names);
  read_names(root, "zones", out.zone_names);
  return out;
}

}  // namespace fermi
