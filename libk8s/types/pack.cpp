// The packed form of Pods and Nodes: one list of fields for each struct, walked by a writer or by a
// reader, so that both always agree.
//
// Numbers are varints (zigzag). A text is one of three, told by the low bits of its first number:
//   ..0  its length, then its bytes
//   .01  its place in a fixed list of texts that the API uses all the time
//   .11  a lower-case UUID, as 16 bytes
// A time is a flag and nanoseconds.

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <optional>

#include "libk8s/codec/wire.hpp"
#include "libk8s/types/codec.hpp"

namespace k8s {
namespace {

// The order is free; a packed object never leaves the process.
constexpr std::array kCommon = std::to_array<std::string_view>({
    "True",
    "False",
    "Unknown",
    "Pending",
    "Running",
    "Succeeded",
    "Failed",
    "Always",
    "OnFailure",
    "Never",
    "Exists",
    "Equal",
    "In",
    "NotIn",
    "DoesNotExist",
    "Gt",
    "Lt",
    "NoSchedule",
    "NoExecute",
    "PreferNoSchedule",
    "default",
    "kube-system",
    "default-scheduler",
    "apps/v1",
    "batch/v1",
    "v1",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "Node",
    "cpu",
    "memory",
    "pods",
    "ephemeral-storage",
    "hugepages-1Gi",
    "hugepages-2Mi",
    "nvidia.com/gpu",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/network-unavailable",
    "PodScheduled",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodReadyToStartContainers",
    "DisruptionTarget",
    "Completed",
    "Error",
    "OOMKilled",
    "PodCompleted",
    "ContainersNotReady",
    "ContainerCreating",
    "PodInitializing",
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "Unschedulable",
    "SchedulingGated",
    "Evicted",
    "app",
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/version",
    "pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/controller-uid",
    "job-name",
    "controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-tracking",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "linux",
    "amd64",
    "arm64",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "node.kubernetes.io/instance-type",
    "metadata.name",
    "system-cluster-critical",
    "system-node-critical",
    "true",
    "false",
    "foregroundDeletion",
    "kubernetes.io/config.seen",
    "kubernetes.io/config.source",
    "kubernetes.io/config.hash",
    "main",
    "worker",
});

// Finds common texts. Most texts are not common, and are told from those by length and three of
// their characters, so that a miss costs next to nothing.
class CommonPlaces {
 public:
  CommonPlaces() {
    static_assert(kCommon.size() < 255);
    for (std::size_t i = 0; i < kCommon.size(); ++i) {
      std::size_t cell = start(kCommon[i]);
      while (cells_[cell] != 0) cell = (cell + 1) % cells_.size();
      cells_[cell] = static_cast<std::uint8_t>(i + 1);
    }
  }
  std::optional<std::uint32_t> find(std::string_view text) const {
    if (text.empty()) return std::nullopt;
    for (std::size_t cell = start(text); cells_[cell] != 0; cell = (cell + 1) % cells_.size()) {
      const std::uint32_t place = cells_[cell] - 1U;
      if (kCommon[place] == text) return place;
    }
    return std::nullopt;
  }

 private:
  static std::size_t start(std::string_view text) {
    const auto at = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(text[i])}; };
    const std::size_t mixed =
        text.size() * 131 + at(0) * 31 + at(text.size() / 2) * 17 + at(text.size() - 1) * 7;
    return mixed % 1024;
  }
  std::array<std::uint8_t, 1024> cells_{};  // 0: empty, else the place + 1
};

const CommonPlaces& common_places() {
  static const CommonPlaces places;
  return places;
}

constexpr std::size_t kUuidText = 36;
constexpr std::size_t kUuidBytes = 16;
constexpr bool is_dash_place(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_bytes(std::string_view text, std::array<char, kUuidBytes>& out) {
  if (text.size() != kUuidText) return false;
  std::size_t half = 0;
  int high = 0;
  for (std::size_t i = 0; i < kUuidText; ++i) {
    if (is_dash_place(i)) {
      if (text[i] != '-') return false;
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0) return false;
    if (half % 2 == 1) out[half / 2] = static_cast<char>(high * 16 + value);
    high = value;
    ++half;
  }
  return true;
}

std::string uuid_text(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    if (is_dash_place(out.size())) out += '-';
    out += kHex[static_cast<unsigned char>(c) >> 4];
    out += kHex[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void number(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    wire::append_varint(out_, bits << 1 ^ (value < 0 ? ~std::uint64_t{0} : 0));
  }
  void operator()(const std::string& text) {
    std::array<char, kUuidBytes> uuid;
    if (const auto place = places_.find(text)) {
      wire::append_varint(out_, std::uint64_t{*place} << 2 | 1);
    } else if (uuid_bytes(text, uuid)) {
      wire::append_varint(out_, 3);
      out_.append(uuid.data(), uuid.size());
    } else {
      wire::append_varint(out_, text.size() << 1);
      out_ += text;
    }
  }
  void operator()(bool value) { number(value ? 1 : 0); }
  void operator()(int value) { number(value); }
  void operator()(std::int64_t value) { number(value); }
  void operator()(WallTime time) { number(time.ns); }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void operator()(const Enum& value) { number(static_cast<std::int64_t>(value)); }
  template <class T>
  void operator()(const std::optional<T>& value) {
    number(value ? 1 : 0);
    if (value) (*this)(*value);
  }
  template <class T>
  void operator()(const std::vector<T>& values) {
    number(static_cast<std::int64_t>(values.size()));
    for (const auto& value : values) (*this)(value);
  }
  template <class T>
  void operator()(const std::map<std::string, T>& values) {
    number(static_cast<std::int64_t>(values.size()));
    for (const auto& [key, value] : values) {
      (*this)(key);
      (*this)(value);
    }
  }
  template <class Struct>
  void operator()(const Struct& value) {
    fields(*this, value);
  }

 private:
  std::string& out_;
  const CommonPlaces& places_ = common_places();
};

// Reads what a Writer wrote; there is nothing else it could be given.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  ~Reader() { assert(left_.empty()); }

  std::int64_t number() {
    const std::uint64_t bits = varint();
    return static_cast<std::int64_t>(bits >> 1 ^ (~(bits & 1) + 1));
  }
  void operator()(std::string& text) {
    const std::uint64_t head = varint();
    if ((head & 1) == 0) {
      text = take(head >> 1);
    } else if ((head & 3) == 1) {
      text = kCommon[head >> 2];
    } else {
      text = uuid_text(take(kUuidBytes));
    }
  }
  void operator()(bool& value) { value = number() != 0; }
  void operator()(int& value) { value = static_cast<int>(number()); }
  void operator()(std::int64_t& value) { value = number(); }
  void operator()(WallTime& time) { time.ns = number(); }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void operator()(Enum& value) { value = static_cast<Enum>(number()); }
  template <class T>
  void operator()(std::optional<T>& value) {
    if (number() != 0) (*this)(value.emplace());
  }
  template <class T>
  void operator()(std::vector<T>& values) {
    values.resize(static_cast<std::size_t>(number()));
    for (auto& value : values) (*this)(value);
  }
  template <class T>
  void operator()(std::map<std::string, T>& values) {
    for (std::int64_t left = number(); left > 0; --left) {
      std::string key;
      (*this)(key);
      (*this)(values.emplace_hint(values.end(), std::move(key), T())->second);
    }
  }
  template <class Struct>
  void operator()(Struct& value) {
    fields(*this, value);
  }

 private:
  std::uint64_t varint() {
    const auto read = wire::read_varint(left_);
    assert(read.used > 0);
    left_.remove_prefix(static_cast<std::size_t>(read.used));
    return read.value;
  }
  std::string_view take(std::uint64_t size) {
    const auto taken = left_.substr(0, static_cast<std::size_t>(size));
    left_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view left_;
};

// The fields of a struct, in turn. `Struct` is const for writing.
template <class Struct, class Wanted>
concept Is = std::same_as<std::remove_const_t<Struct>, Wanted>;

template <class Archive>
void fields(Archive& a, Is<OwnerReference> auto& o) {
  a(o.api_version), a(o.kind), a(o.name), a(o.uid), a(o.controller);
}
template <class Archive>
void fields(Archive& a, Is<ObjectMeta> auto& m) {
  a(m.name), a(m.ns), a(m.uid), a(m.resource_version), a(m.generation), a(m.creation_time);
  a(m.deletion_time), a(m.deletion_grace_seconds), a(m.labels), a(m.annotations), a(m.owners);
  a(m.finalizers);
}
template <class Archive>
void fields(Archive& a, Is<Toleration> auto& t) {
  a(t.key), a(t.op), a(t.value), a(t.effect);
}
template <class Archive>
void fields(Archive& a, Is<NodeRequirement> auto& r) {
  a(r.key), a(r.op), a(r.values), a(r.on_field);
}
template <class Archive>
void fields(Archive& a, Is<PodCondition> auto& c) {
  a(c.type), a(c.status), a(c.reason), a(c.message);
}
template <class Archive>
void fields(Archive& a, Is<ContainerStatus> auto& c) {
  a(c.name), a(c.restarts), a(c.ready), a(c.state), a(c.reason), a(c.message), a(c.exit_code);
  a(c.signal), a(c.started), a(c.finished);
}
template <class Archive>
void fields(Archive& a, Is<Pod> auto& p) {
  a(p.meta), a(p.node_name), a(p.scheduler_name), a(p.priority_class), a(p.scheduling_group);
  a(p.requests), a(p.node_selector), a(p.required_affinity), a(p.tolerations), a(p.claims);
  a(p.gated), a(p.restart_policy), a(p.phase), a(p.reason), a(p.message), a(p.pod_ip);
  a(p.nominated_node), a(p.start_time), a(p.conditions), a(p.containers);
}
template <class Archive>
void fields(Archive& a, Is<Taint> auto& t) {
  a(t.key), a(t.value), a(t.effect);
}
template <class Archive>
void fields(Archive& a, Is<Node> auto& n) {
  a(n.meta), a(n.unschedulable), a(n.taints), a(n.allocatable), a(n.capacity), a(n.ready);
  a(n.internal_ip);
}

template <class T>
std::string packed(const T& object) {
  // Written into one buffer that keeps its room; what is kept has exactly its size.
  static thread_local std::string buffer;
  buffer.clear();
  Writer writer(buffer);
  writer(object);
  return {buffer.data(), buffer.size()};
}

template <class T>
std::shared_ptr<const T> unpacked(const std::string& bytes) {
  auto object = std::make_shared<T>();
  Reader reader(bytes);
  reader(*object);
  return object;
}

}  // namespace

std::string Codec<Pod>::pack(const Pod& pod) { return packed(pod); }
std::shared_ptr<const Pod> Codec<Pod>::unpack(const std::string& bytes) {
  return unpacked<Pod>(bytes);
}
std::string Codec<Node>::pack(const Node& node) { return packed(node); }
std::shared_ptr<const Node> Codec<Node>::unpack(const std::string& bytes) {
  return unpacked<Node>(bytes);
}

}  // namespace k8s
