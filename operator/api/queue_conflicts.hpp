// What a TaskQueue's status tells of conflicts: those that are open, and what became of an
// administrator's wishes.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/loop.hpp"

namespace fermi {

struct ConflictParty {
  std::string kind, ns, name, task_id;
  friend bool operator==(const ConflictParty&, const ConflictParty&) = default;
};

struct QueueConflict {
  std::string id, type, severity;
  k8s::WallTime since;  // whole seconds
  ConflictParty waiting;
  std::vector<ConflictParty> others;  // the first of them
  std::int64_t other_count = 0;
  std::string needs;     // "8 x A100"
  std::string resource;  // "nvidia.com/gpu"
  std::string zone, pool;
  std::string resolution;  // how it is expected to end, one sentence
  k8s::WallTime resolution_at;
  friend bool operator==(const QueueConflict&, const QueueConflict&) = default;
};

// Of all that are open, shown or not.
struct ConflictCounts {
  std::int64_t total = 0, low = 0, medium = 0, high = 0, critical = 0;
  friend bool operator==(const ConflictCounts&, const ConflictCounts&) = default;
};

// An administrator's wish, and the answer.
struct QueueResolution {
  std::string conflict, strategy;
  std::string outcome;  // "Accepted", "Refused"
  std::string message;
  k8s::WallTime at;
  std::string request;  // the annotation as it was given, until it has been taken off
  // For whom room is kept because of it, where, by rank, and until when: for the next leader.
  std::string held_for{};
  std::vector<std::string> nodes{};
  std::vector<std::int64_t> devices{};  // by rank, -1 for none; empty when no Pod shares one
  k8s::WallTime until{};
  // By time slice: who take turns, while they do; how many turns there were, the last one when.
  std::vector<ConflictParty> between{};
  std::int64_t turns = 0;
  k8s::WallTime turned_at{};
  friend bool operator==(const QueueResolution&, const QueueResolution&) = default;
};

inline constexpr std::size_t kShownConflicts = 20, kShownParties = 8, kShownResolutions = 10;

// An annotation may hold a book; of a wish this much is read, and shown.
inline std::string cut_wish(std::string_view text) { return std::string(text.substr(0, 256)); }

nlohmann::json encode(const QueueConflict& conflict);
nlohmann::json encode(const ConflictCounts& counts);
nlohmann::json encode(const QueueResolution& resolution);
QueueConflict decode_conflict(const nlohmann::json& from);
ConflictCounts decode_conflict_counts(const nlohmann::json& from);
QueueResolution decode_resolution(const nlohmann::json& from);

}  // namespace fermi
