#include "operator/simulate/cluster.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/quantity.hpp"
#include "libk8s/codec/yaml.hpp"
#include "operator/simulate/header.hpp"
#include "scheduler/limits.hpp"

namespace fermi::simulate {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";
constexpr const char* kModelLabel = "nvidia.com/gpu.product";

k8s::Status invalid(const std::string& sentence) { return {k8s::Code::kInvalid, sentence}; }

struct Machine {
  std::int64_t gpus = 0, cpu_milli = -1, memory_bytes = -1;  // -1: not said
  std::string zone, pool, model;
};

// "node-000017", so that the order of names is the order of the file.
std::string node_name(std::size_t index) {
  std::string digits = std::to_string(index);
  return "node-" + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

void add(Cluster& cluster, const Machine& machine) {
  sched::Node node;
  node.name = node_name(cluster.nodes.size());
  node.zone = machine.zone;
  node.pool = machine.pool;
  node.gpu_model = machine.model;
  node.gpu_sharing = true;
  if (!machine.model.empty()) node.labels[kModelLabel] = machine.model;
  const auto said = [](std::int64_t amount) { return amount < 0 ? sched::kAmountMax : amount; };
  node.allocatable.cpu_milli = said(machine.cpu_milli);
  node.allocatable.memory_bytes = said(machine.memory_bytes);
  node.allocatable.ephemeral_bytes = sched::kAmountMax;
  node.allocatable.pods = sched::kSlotsMax;
  if (machine.gpus > 0) node.allocatable.set_extended(kGpu, machine.gpus);
  cluster.nodes.push_back(std::move(node));
  cluster.gpus += machine.gpus;
  cluster.gpus_of_node = std::max(cluster.gpus_of_node, machine.gpus);
  ++cluster.nodes_said;
}

k8s::Result<Cluster> checked(Cluster cluster) {
  if (cluster.nodes.empty()) return invalid("the cluster has no node");
  return cluster;
}

// The numbers between the x of "4x8x64"; none when it is not that.
std::vector<std::int64_t> factors(std::string_view text) {
  std::vector<std::int64_t> numbers;
  while (true) {
    const auto end = text.find('x');
    const std::string_view part = text.substr(0, end);
    std::int64_t number = 0;
    const auto [last, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error != std::errc() || last != part.data() + part.size()) return {};
    numbers.push_back(number);
    if (end == std::string_view::npos) return numbers;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

k8s::Result<Cluster> uniform_cluster(std::int64_t nodes, std::int64_t gpus, std::int64_t cores,
                                     bool pooled) {
  if (nodes < 1 || nodes > kNodesMax || gpus < 0 || gpus > kNodesMax || cores < 0 ||
      cores > kNodesMax || gpus + cores == 0) {
    return invalid("a cluster has 1 to 1000000 nodes with GPUs or cores");
  }
  Cluster cluster;
  Machine machine;
  machine.gpus = gpus;
  if (cores > 0) machine.cpu_milli = cores * 1000;
  const bool alike = pooled && gpus == 1 && cores == 0;
  if (alike) machine.gpus = nodes;
  for (std::int64_t i = 0; i < (alike ? 1 : nodes); ++i) add(cluster, machine);
  cluster.nodes_said = nodes;
  return cluster;
}

k8s::Result<Cluster> parse_cluster(std::string_view text) {
  const auto numbers = factors(text);
  const std::string given = "\"" + std::string(text) + "\"";
  if (numbers.size() < 2 || numbers.size() > 3) {
    return invalid(given + " is no cluster: NODESxGPUS, NODESxGPUSxCORES or a file is expected");
  }
  auto cluster =
      uniform_cluster(numbers[0], numbers[1], numbers.size() == 3 ? numbers[2] : 0, true);
  return cluster ? std::move(cluster) : invalid(given + ": " + cluster.status().message());
}

k8s::Result<Cluster> read_cluster_csv(std::istream& in) {
  Lines lines(in);
  const Header header = Header::read(lines);
  const auto cpu = header.column("cpu_milli"), memory = header.column("memory_mib"),
             gpus = header.column("gpu"), model = header.column("model");
  for (const auto* column : {&cpu, &memory, &gpus, &model}) {
    if (!*column) return lines.error(column->status().message());
  }
  Cluster cluster;
  while (const auto line = lines.next()) {
    Row row(*line, ',');
    Machine machine;
    machine.cpu_milli = row.whole(*cpu, "number of milli-cores");
    machine.memory_bytes = std::min(row.whole(*memory, "amount of memory"), kSizeMax >> 4) << 20;
    machine.gpus = row.whole(*gpus, "number of GPUs");
    machine.model = row.text(*model, "GPU model");
    if (!row.error().empty()) return lines.error(row.error());
    if (machine.cpu_milli < 0 || machine.memory_bytes < 0 || machine.gpus < 0) {
      return lines.error("a node cannot have less than nothing");
    }
    if (cluster.nodes_said >= kNodesMax) return lines.error("more than 1000000 nodes");
    add(cluster, machine);
  }
  if (!lines.status().is_ok()) return lines.status();
  return checked(std::move(cluster));
}

// --- YAML

namespace {

// As it was written, or nearly: a number beyond 64 bits has become a fraction.
std::string written(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number_float()) return k8s::json_text(value);
  const auto number = value.get<double>();
  if (std::abs(number) < 1e15 || std::abs(number) > 1e60) return k8s::json_text(value);
  char digits[80];
  std::snprintf(digits, sizeof digits, "%.0f", number);
  return digits;
}

// An amount under a key, as text or number; -1 when it is not there.
k8s::Result<std::int64_t> amount(const nlohmann::json& item, const char* key,
                                 const char* resource) {
  const auto* value = k8s::find(item, {key});
  if (value == nullptr || value->is_null()) return std::int64_t{-1};
  const std::string text = written(*value), given = std::string(key) + ": " + text;
  const auto quantity = k8s::Quantity::parse(text);
  if (!quantity) return invalid(std::string(key) + ": " + quantity.status().message());
  if (quantity->negative()) return invalid(given + " is less than nothing");
  constexpr k8s::Quantity::Nano kOne = 1'000'000'000;
  if (std::string_view(resource) == kGpu && quantity->nano() % kOne != 0) {
    return invalid(given + " is no whole number of GPUs");
  }
  return std::min(k8s::resource_amount(resource, *quantity), sched::kAmountMax);
}

// A text under a key; "" when it is not there.
k8s::Result<std::string> word(const nlohmann::json& item, const char* key) {
  const auto* value = k8s::find(item, {key});
  if (value == nullptr || value->is_null()) return std::string();
  if (value->is_string()) return value->get<std::string>();
  return invalid(std::string(key) + ": " + k8s::json_text(*value) + " is no text");
}

k8s::Status add_item(Cluster& cluster, const nlohmann::json& item) {
  if (!item.is_object()) return invalid("{count, gpus, cpu, ...} is expected");
  for (const auto& [key, value] : item.items()) {
    const auto known = {"count", "gpus", "cpu", "memory", "zone", "pool", "gpuModel"};
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return invalid("\"" + key + "\" is nothing that a node has");
    }
  }
  const auto count = k8s::int_at(item, "count", k8s::has(item, "count") ? -1 : 1);
  const auto gpus = amount(item, "gpus", kGpu), cpu = amount(item, "cpu", "cpu"),
             memory = amount(item, "memory", "memory");
  for (const auto* read : {&gpus, &cpu, &memory}) {
    if (!*read) return read->status();
  }
  if (count < 1 || count > kNodesMax - cluster.nodes_said) {
    return invalid("count: " + written(item.at("count")) +
                   " should be a number from 1; 1000000 nodes in all at most");
  }
  if (*gpus > kNodesMax) {
    return invalid("gpus: " + written(item.at("gpus")) + " is more than 1000000 on a node");
  }
  if (*gpus <= 0 && *cpu <= 0) return invalid("a node has GPUs or cores: it says neither");
  const auto zone = word(item, "zone"), pool = word(item, "pool"), model = word(item, "gpuModel");
  for (const auto* read : {&zone, &pool, &model}) {
    if (!*read) return read->status();
  }
  const Machine machine{std::max<std::int64_t>(*gpus, 0), *cpu, *memory, *zone, *pool, *model};
  for (std::int64_t i = 0; i < count; ++i) add(cluster, machine);
  return {};
}

}  // namespace

k8s::Result<Cluster> read_cluster_yaml(std::string_view text) {
  const auto parsed = k8s::parse_yaml(text);
  if (!parsed) return parsed.status();
  if (!parsed->is_array()) return invalid("a list of nodes is expected");
  Cluster cluster;
  std::size_t number = 0;
  for (const auto& item : *parsed) {
    ++number;
    if (const auto status = add_item(cluster, item); !status.is_ok()) {
      return invalid("entry " + std::to_string(number) + ": " + status.message());
    }
  }
  return checked(std::move(cluster));
}

// --- jobs

namespace {

std::int64_t share(std::int64_t amount, std::int64_t pods) { return (amount + pods - 1) / pods; }

sched::PodGroup group(const Job& job, std::int64_t pods, std::int64_t count, std::int64_t gpus) {
  sched::PodGroup group;
  group.count = count;
  group.requests.pods = 1;
  group.requests.cpu_milli = share(job.cpu_milli, pods);
  group.requests.memory_bytes = std::min(share(job.memory_mib, pods), kSizeMax >> 4) << 20;
  if (gpus == 1 && job.part_milli > 0) {
    group.shared_resource = kGpu;
    group.shared_milli = job.part_milli;
  } else if (gpus > 0) {
    group.requests.set_extended(kGpu, gpus);
  }
  return group;
}

}  // namespace

std::vector<sched::PodGroup> pods_of(const Job& job, const Cluster& cluster) {
  std::vector<sched::PodGroup> groups;
  const bool pool = cluster.nodes.size() == 1;
  if (job.nodes > 0 && !(pool && cluster.nodes_said > 1)) {
    const std::int64_t more = job.gpus % job.nodes;
    if (more > 0) groups.push_back(group(job, job.nodes, more, job.gpus / job.nodes + 1));
    groups.push_back(group(job, job.nodes, job.nodes - more, job.gpus / job.nodes));
    return groups;
  }
  // On one node everything is one Pod, also what does not fit: it can be told at once.
  const std::int64_t most =
      cluster.nodes.size() == 1 ? kSizeMax : std::max<std::int64_t>(cluster.gpus_of_node, 1);
  const std::int64_t whole = job.gpus / most, rest = job.gpus % most;
  const std::int64_t pods = std::max<std::int64_t>(whole + (rest > 0 ? 1 : 0), 1);
  if (whole > 0) groups.push_back(group(job, pods, whole, most));
  if (rest > 0 || whole == 0) groups.push_back(group(job, pods, 1, rest));
  return groups;
}

}  // namespace fermi::simulate
