#include "operator/simulate/packing.hpp"

#include <algorithm>
#include <map>

#include "operator/simulate/header.hpp"
#include "operator/simulate/packing_rules.hpp"

namespace fermi::simulate {
namespace {

// Bounds against files that are no logs of this kind.
constexpr std::int64_t kDevicesMax = 1024;
constexpr std::int64_t kMilliCoresMax = 1'000'000'000;
constexpr std::int64_t kMebibytesMax = std::int64_t{1} << 30;
constexpr std::size_t kRowsMax = 1'000'000;

constexpr PackingRule kRules[] = {PackingRule::kBestFit, PackingRule::kFragmentGradient,
                                  PackingRule::kEngine};

// The places of named columns; the first that is not there is what is wrong.
class Columns {
 public:
  explicit Columns(Lines& lines) : lines_(lines), header_(Header::read(lines)) {}
  std::size_t operator()(const char* name) {
    const auto at = header_.column(name);
    if (!at && status_.is_ok()) status_ = lines_.error(at.status().message());
    return at ? *at : 0;
  }
  const k8s::Status& status() const { return status_; }

 private:
  Lines& lines_;
  Header header_;
  k8s::Status status_;
};

bool outside(std::int64_t value, std::int64_t most) { return value < 0 || value > most; }

// Calls `row` for each line after the header, until it says what is wrong.
template <class Each>
k8s::Status each_row(Lines& lines, const Each& each) {
  std::size_t rows = 0;
  while (const auto line = lines.next()) {
    if (++rows > kRowsMax) return lines.error("more than 1000000 lines");
    Row row(*line, ',');
    const std::string wrong = each(row);
    if (!row.error().empty()) return lines.error(row.error());
    if (!wrong.empty()) return lines.error(wrong);
  }
  return lines.status();
}

// SplitMix64.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
  }

 private:
  std::uint64_t state_;
};

// The tasks of a log by their different needs.
struct Workload {
  explicit Workload(const std::vector<Need>& tasks) {
    std::map<Need, std::uint32_t> ids;
    for (const Need& task : tasks) {
      const auto [at, fresh] = ids.try_emplace(task, static_cast<std::uint32_t>(needs.size()));
      if (fresh) {
        needs.push_back(task);
        counts.push_back(0);
      }
      ++counts[at->second];
      need_of.push_back(at->second);
    }
  }
  bool asks_for_devices() const {
    return std::any_of(needs.begin(), needs.end(),
                       [](const Need& need) { return need.device_milli() > 0; });
  }

  std::vector<Need> needs;
  std::vector<std::int64_t> counts;
  std::vector<std::uint32_t> need_of;  // by task
};

k8s::Status invalid(const std::string& sentence) { return {k8s::Code::kInvalid, sentence}; }

}  // namespace

const char* name(PackingRule rule) {
  switch (rule) {
    case PackingRule::kBestFit:
      return "BestFit";
    case PackingRule::kFragmentGradient:
      return "FragmentGradient";
    case PackingRule::kEngine:
      break;
  }
  return "Engine";
}

k8s::Result<std::vector<PackingRule>> parse_packing_rules(std::string_view text) {
  std::vector<PackingRule> rules;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    const auto* at = std::find_if(std::begin(kRules), std::end(kRules),
                                  [&](PackingRule rule) { return name(rule) == part; });
    if (at == std::end(kRules)) {
      return invalid("\"" + std::string(part) +
                     "\" is no rule; there are BestFit, FragmentGradient and Engine");
    }
    rules.push_back(*at);
    begin = end + 1;
  }
  return rules;
}

k8s::Result<std::vector<Need>> read_packing_tasks(std::istream& in) {
  Lines lines(in);
  Columns column(lines);
  const auto cpu = column("cpu_milli"), memory = column("memory_mib"), gpus = column("num_gpu"),
             part = column("gpu_milli");
  if (!column.status().is_ok()) return column.status();
  std::vector<Need> tasks;
  const k8s::Status status = each_row(lines, [&](Row& row) -> std::string {
    const auto cores = row.whole(cpu, "number of milli-cores");
    const auto mebibytes = row.whole(memory, "amount of memory");
    const auto devices = row.whole(gpus, "number of GPUs");
    const auto milli = row.whole(part, "part of a GPU");
    if (outside(cores, kMilliCoresMax) || outside(mebibytes, kMebibytesMax) ||
        outside(devices, kDevicesMax) || outside(milli, kWholeDevice)) {
      return "an amount is below nothing or beyond every node";
    }
    if (devices == 1 && milli == 0) return "a task with one GPU asks for no part of it";
    const bool shares = devices == 1 && milli < kWholeDevice;
    tasks.push_back({cores, mebibytes << 20, static_cast<std::int32_t>(shares ? 0 : devices),
                     static_cast<std::int32_t>(shares ? milli : 0)});
    return {};
  });
  if (!status.is_ok()) return status;
  return tasks;
}

k8s::Result<std::vector<PackingNode>> read_packing_nodes(std::istream& in) {
  Lines lines(in);
  Columns column(lines);
  const auto cpu = column("cpu_milli"), memory = column("memory_mib"), gpus = column("gpu"),
             model = column("model");
  if (!column.status().is_ok()) return column.status();
  std::vector<PackingNode> nodes;
  const k8s::Status status = each_row(lines, [&](Row& row) -> std::string {
    const auto cores = row.whole(cpu, "number of milli-cores");
    const auto mebibytes = row.whole(memory, "amount of memory");
    const auto devices = row.whole(gpus, "number of GPUs");
    if (outside(cores, kMilliCoresMax) || outside(mebibytes, kMebibytesMax) ||
        outside(devices, kDevicesMax)) {
      return "an amount is below nothing or beyond every node";
    }
    if (devices == 0) return {};
    PackingNode node;
    node.room.cpu_milli = cores;
    node.room.memory_bytes = mebibytes << 20;
    node.room.devices.assign(static_cast<std::size_t>(devices), kWholeDevice);
    node.model = row.text(model, "GPU model");
    nodes.push_back(std::move(node));
    return {};
  });
  if (!status.is_ok()) return status;
  return nodes;
}

k8s::Result<PackingResult> run_packing(const std::vector<Need>& tasks,
                                       const std::vector<PackingNode>& nodes, PackingRule rule,
                                       std::uint64_t seed, std::int64_t load_percent) {
  if (load_percent < 1 || load_percent > kPackingLoadMax) {
    return invalid("the load is 1 to 10000 per cent of the GPUs");
  }
  PackingResult result;
  for (const PackingNode& node : nodes) {
    result.gpu_milli += static_cast<std::int64_t>(node.room.devices.size()) * kWholeDevice;
  }
  if (result.gpu_milli == 0) return invalid("no node has GPUs");
  const Workload work(tasks);
  if (!work.asks_for_devices()) return invalid("no task asks for a GPU");
  const auto packer = make_packer(rule, nodes, work.needs, work.counts);
  Draws draws(seed);
  while (result.asked_milli * 100 < result.gpu_milli * load_percent) {
    const std::uint32_t need = work.need_of[draws.next() % work.need_of.size()];
    const std::int64_t milli = work.needs[need].device_milli();
    ++result.tasks;
    result.asked_milli += milli;
    if (packer->place(need)) {
      result.placed_milli += milli;
    } else {
      ++result.dropped;
    }
  }
  return result;
}

}  // namespace fermi::simulate
