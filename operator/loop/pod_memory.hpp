// PodMemory: what must outlive a plain Pod that was preempted: when it was submitted, how often and
// when it was preempted last. So the Pods that its controller makes instead wait at the old place,
// or, where they take turns, behind those that waited when the turn was over.
//
// One small ConfigMap for each controller that lost a Pod, named after the controller's uid and
// owned by it: it goes with its owner. One entry for each task:
//   gang.NAME, podgroup.NAME   the gang of that name: whatever Pods it has now
//   pod.UID     a Pod by itself (UID is that of the first in the chain). A waiting Pod of the same
//               controller takes over the oldest entry that nobody has, and is written into it
//               (`heir`), so that the next leader says the same
//
// A map is read once, when a Pod of its controller is first met, and kept here: nothing is listed,
// nothing is watched. Each write carries the resourceVersion it was made from; where the map is
// another by then (a leader before us was slow), both are laid together.
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libk8s/types/meta.hpp"
#include "operator/commit/writer.hpp"

namespace fermi {

struct PodPast {
  k8s::WallTime submitted, last_preempted;
  // Its turn was over then, and a peer followed; 0: it made room for another reason.
  k8s::WallTime turn_over{};
  std::int64_t preemptions = 0;
  std::string of;    // the task (uid) whose preemption was counted last
  std::string heir;  // of pod.UID: the Pod that took it over; "" for nobody yet
  friend bool operator==(const PodPast&, const PodPast&) = default;
};
using PodPasts = std::map<std::string, PodPast>;  // by key

// Whole seconds; what cannot be read is left out.
nlohmann::json encode_past(const PodPast& past);
PodPasts decode_pasts(const nlohmann::json& config_map);

class PodMemory {
 public:
  explicit PodMemory(Writer& writer) : writer_(writer) {}
  ~PodMemory();

  struct Owner {
    std::string ns;
    k8s::OwnerReference ref;
  };
  // Null while it is not known. Shows changes before they are written.
  const PodPasts* of(const std::string& owner_uid) const;
  // Reads it; `done` is called once it is known. Each owner is asked about once.
  void learn(const Owner& owner, std::function<void()> done);
  // Changes what is known, and writes it; the owner is known. `done` gets how the write went: what
  // was not written goes with the next write.
  void change(const Owner& owner, const std::function<void(PodPasts&)>& change,
              std::function<void(k8s::Status)> done);
  // No Pod of this owner is left.
  void forget(const std::string& owner_uid);

 private:
  using Done = std::function<void(k8s::Status)>;
  struct Known {
    Owner owner;
    bool read = false;                           // else it is being read
    std::vector<std::function<void()>> readers;  // who waits for that
    k8s::TimerId retry = k8s::TimerId::kNone;
    PodPasts pasts;
    std::string version;      // of the map; "" when there is none
    bool busy = false;        // a write is under way
    bool dirty = false;       // the last write failed
    std::vector<Done> dones;  // of changes since it began
  };
  void fetch(const std::string& uid);
  void fetch_more();
  void fetch_later(Known& known);
  void fetched(Known& known, const k8s::Result<nlohmann::json>& answer);
  void write(const std::string& uid);

  Writer& writer_;
  std::map<std::string, Known> known_;  // by the owner's uid
  std::deque<std::string> to_fetch_;    // owners: a new leader has many to ask about
  std::size_t fetching_ = 0;
};

}  // namespace fermi
