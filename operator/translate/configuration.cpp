#include "operator/translate/configuration.hpp"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/yaml.hpp"
#include "operator/api/duration.hpp"
#include "scheduler/limits.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxEntries = 10'000;

// A misspelt name would have no effect, and nobody would know.
void allow_only(FieldReader& reader, const Json& object,
                std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return;
  std::string all;
  for (const std::string_view name : known) all += (all.empty() ? "" : ", ") + std::string(name);
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    reader.problem(key.substr(0, 60), "is not known here; there is " + all);
  }
}

// Money may be written as text or as a plain number; both are read as decimals.
std::optional<std::int64_t> read_money(FieldReader& reader, const std::string& key) {
  const Json& value = reader.raw(key);
  if (value.is_null()) {
    reader.problem(key,
                   "the price is missing; write an amount such as 8.50, or leave the name out");
    return std::nullopt;
  }
  auto micros = parse_micros(value.is_string() ? value.get<std::string>() : value.dump());
  if (micros) return *micros;
  reader.problem(key, micros.status().message());
  return std::nullopt;
}

PriceLayer read_layer(FieldReader reader, const Json& object, bool in_place) {
  PriceLayer out;
  if (!object.is_object()) return out;
  if (in_place) allow_only(reader, object, {"gpu", "cpuCore", "memoryGiB", "gpuModels"});
  const auto money = [&](const char* key) {
    return object.contains(key) ? read_money(reader, key) : std::nullopt;
  };
  out.gpu = money("gpu");
  out.cpu_core = money("cpuCore");
  out.memory_gib = money("memoryGiB");
  FieldReader models = reader.child("gpuModels");
  const Json& named = reader.raw("gpuModels");
  if (named.is_object())
    for (const auto& [model, price] : named.items())
      if (const auto micros = read_money(models, model)) out.gpu_models[model] = *micros;
  return out;
}

std::map<std::string, PriceLayer> read_layers(FieldReader& prices, const char* key) {
  std::map<std::string, PriceLayer> out;
  FieldReader places = prices.child(key);
  const Json& named = prices.raw(key);
  if (!named.is_object()) return out;
  for (const auto& [place, price] : named.items())
    out[place] = read_layer(places.child(place), price, true);
  return out;
}

// For the engine, which looks at one whole price.
sched::Price over(const sched::Price& base, const PriceLayer& layer) {
  sched::Price out = base;
  out.gpu_default = layer.gpu.value_or(base.gpu_default);
  out.cpu_core = layer.cpu_core.value_or(base.cpu_core);
  out.memory_gib = layer.memory_gib.value_or(base.memory_gib);
  for (const auto& [model, price] : layer.gpu_models) out.gpu_by_model[model] = price;
  return out;
}

void read_prices(FieldReader& root, Configuration& out) {
  FieldReader prices = root.child("prices");
  const Json& object = root.raw("prices");
  allow_only(prices, object,
             {"gpu", "cpuCore", "memoryGiB", "gpuModels", "zones", "pools", "nodes"});
  out.prices.base = read_layer(prices, object, false);
  if (object.is_object() && !object.contains("gpu"))
    prices.problem("gpu", "the price is missing; GPUs of models that are not named cost nothing");
  out.prices.zones = read_layers(prices, "zones");
  out.prices.pools = read_layers(prices, "pools");
  out.prices.nodes = read_layers(prices, "nodes");
  sched::ConfigUpdate& engine = out.engine;
  engine.price = over({}, out.prices.base);
  for (const auto& [zone, layer] : out.prices.zones)
    engine.zone_price[zone] = over(engine.price, layer);
  for (const auto& [pool, layer] : out.prices.pools)
    engine.pool_price[pool] = over(engine.price, layer);
}

void read_latency(FieldReader& entry, sched::ConfigUpdate& out) {
  allow_only(entry, entry.object(), {"between", "latency"});
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
  allow_only(entry, entry.object(), {"level", "label"});
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
    FieldReader place = all.child(name);
    allow_only(place, entry, {"displayName"});
    const std::string shown = place.text("displayName", {1, 100});
    if (!shown.empty()) out[name] = shown;
  }
}

void read_gpu_models(FieldReader models, GpuModels& out) {
  allow_only(models, models.object(), {"label", "names"});
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
  allow_only(root, *parsed,
             {"currency", "gpuResource", "prices", "latencies", "topology", "gpuModels",
              "degradedPercent", "regions", "zones"});
  out.currency = root.text("currency", {1, 8}, out.currency);
  out.gpu_resource = root.text("gpuResource", {1, 253}, out.gpu_resource);
  read_prices(root, out);
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
