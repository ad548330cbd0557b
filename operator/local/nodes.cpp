#include "operator/local/nodes.hpp"

#include <sys/sysinfo.h>
#include <unistd.h>

#include <charconv>
#include <set>
#include <thread>

#include "operator/local/gpus.hpp"

namespace fermi {
namespace {

constexpr int kMaxNodes = 1000;
constexpr int kMaxGpus = 64;
constexpr std::int64_t kSimulatedCpuMilli = 64'000;
constexpr std::int64_t kSimulatedMemory = std::int64_t{256} << 30;
constexpr const char* kGpu = "nvidia.com/gpu";

struct ZoneSpec {
  std::string zone;
  int nodes = 0, gpus = 0;
};

bool parse_count(std::string_view text, int low, int high, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value >= low && value <= high;
}

bool is_label_value(std::string_view text) {
  if (text.empty() || text.size() > 50) return false;
  for (const char c : text) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    if (!fine) return false;
  }
  return text.front() != '-' && text.back() != '-';
}

bool parse_zone(std::string_view part, ZoneSpec& out) {
  const auto equals = part.find('=');
  const auto times = part.find('x', equals == std::string_view::npos ? 0 : equals);
  if (equals == std::string_view::npos || times == std::string_view::npos) return false;
  out.zone = std::string(part.substr(0, equals));
  return is_label_value(out.zone) &&
         parse_count(part.substr(equals + 1, times - equals - 1), 1, kMaxNodes, out.nodes) &&
         parse_count(part.substr(times + 1), 0, kMaxGpus, out.gpus);
}

k8s::node::NodeSpec simulated_node(const ZoneSpec& zone, int index) {
  k8s::node::NodeSpec node;
  node.name = zone.zone + "-" + std::to_string(index);
  node.labels = {{"topology.kubernetes.io/zone", zone.zone},
                 {"topology.kubernetes.io/region", "local"},
                 {"fermi-cluster.com/pool", "default"}};
  node.capacity = {{"cpu", kSimulatedCpuMilli}, {"memory", kSimulatedMemory}, {"pods", 110}};
  if (zone.gpus > 0) {
    node.labels["nvidia.com/gpu.product"] = "simulated";
    node.capacity[kGpu] = zone.gpus;
  }
  return node;
}

std::string host_name() {
  char name[256] = "localhost";
  if (gethostname(name, sizeof name - 1) != 0) return "localhost";
  std::string lower;
  for (const char c : std::string_view(name)) {
    lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '_' ? '-' : c;
  }
  return lower.empty() ? "localhost" : lower;
}

}  // namespace

k8s::Result<std::vector<k8s::node::NodeSpec>> simulated_nodes(std::string_view text) {
  std::vector<k8s::node::NodeSpec> nodes;
  std::set<std::string> zones;
  for (std::size_t start = 0; start <= text.size();) {
    const auto comma = std::min(text.find(',', start), text.size());
    const auto part = text.substr(start, comma - start);
    ZoneSpec zone;
    const bool fine = parse_zone(part, zone) && zones.insert(zone.zone).second &&
                      nodes.size() + static_cast<std::size_t>(zone.nodes) <= kMaxNodes;
    if (!fine) {
      return k8s::Status(k8s::Code::kInvalid,
                         "--nodes: got \"" + std::string(part) +
                             "\", wanted ZONE=NODESxGPUS with each zone once, such as zone-a=2x8 "
                             "(at most 1000 nodes of at most 64 GPUs)");
    }
    for (int i = 0; i < zone.nodes; ++i) nodes.push_back(simulated_node(zone, i));
    start = comma + 1;
  }
  return nodes;
}

k8s::node::NodeSpec this_machine() {
  k8s::node::NodeSpec node;
  node.name = host_name();
  node.labels = {{"topology.kubernetes.io/zone", "local"},
                 {"topology.kubernetes.io/region", "local"},
                 {"fermi-cluster.com/pool", "default"}};
  struct sysinfo info {};
  const std::int64_t memory =
      sysinfo(&info) == 0 ? static_cast<std::int64_t>(info.totalram) * info.mem_unit : 0;
  const auto cpus = std::max(1U, std::thread::hardware_concurrency());
  node.capacity = {{"cpu", std::int64_t{cpus} * 1000}, {"memory", memory}, {"pods", 110}};
  const auto gpus = find_gpus();
  for (const Gpu& gpu : gpus) node.devices[kGpu].push_back(gpu.uuid);
  if (!gpus.empty()) {
    node.capacity[kGpu] = static_cast<std::int64_t>(gpus.size());
    node.labels["nvidia.com/gpu.product"] = gpus.front().model;
  }
  return node;
}

}  // namespace fermi
