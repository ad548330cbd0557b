#include "scheduler/conflicts/conflict.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "scheduler/conflicts/words.hpp"

namespace sched {
namespace {

constexpr std::int64_t kMinute = std::int64_t{60} * 1'000'000'000;
constexpr std::int64_t kWaits[] = {10 * kMinute, 60 * kMinute, 360 * kMinute};

constexpr std::array kTypes = {std::pair{"ResourceCompetition", ConflictType::kResourceCompetition},
                               std::pair{"PriorityConflict", ConflictType::kPriority},
                               std::pair{"ScheduleConflict", ConflictType::kSchedule}};
constexpr std::array kSeverities = {
    std::pair{"Low", Severity::kLow}, std::pair{"Medium", Severity::kMedium},
    std::pair{"High", Severity::kHigh}, std::pair{"Critical", Severity::kCritical}};
constexpr std::array kSettlements = {std::pair{"ByPriority", Settlement::kByPriority},
                                     std::pair{"FairShare", Settlement::kFairShare},
                                     std::pair{"TimeSlice", Settlement::kTimeSlice}};

template <class Table, class Value>
const char* word_of(const Table& table, Value value) {
  for (const auto& [word, known] : table) {
    if (known == value) return word;
  }
  return "";
}
template <class Table>
auto value_of(const Table& table, std::string_view text) {
  std::optional<typename Table::value_type::second_type> found;
  for (const auto& [word, value] : table) {
    if (text == word) found = value;
  }
  return found;
}

}  // namespace

// FNV-1a over the type and the uid.
std::string conflict_id(ConflictType type, std::string_view uid) {
  const char* const prefixes[] = {"rc-", "pc-", "sc-"};
  std::string id = prefixes[static_cast<std::size_t>(type)];
  std::uint64_t hash = 14695981039346656037ull;
  const auto byte = [&hash](char c) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  };
  byte(id[0]);
  for (const char c : uid) byte(c);
  for (int shift = 60; shift >= 0; shift -= 4) id += "0123456789abcdef"[(hash >> shift) & 15];
  return id;
}

Severity severity_of(Tier tier, std::int64_t waited_ns, std::int64_t size) {
  int points = tier == Tier::kHigh ? 4 : tier == Tier::kMedium ? 2 : 0;
  for (const std::int64_t mark : kWaits) points += waited_ns >= mark ? 1 : 0;
  points += size >= 64 ? 2 : size >= 8 ? 1 : 0;
  return static_cast<Severity>(std::min(points / 2, 3));
}

std::optional<Time> next_severity(Time submitted, Time now) {
  for (const std::int64_t mark : kWaits) {
    if (now.ns - submitted.ns < mark) return Time{submitted.ns + mark};
  }
  return std::nullopt;
}

const char* name(ConflictType type) { return word_of(kTypes, type); }
const char* name(Severity severity) { return word_of(kSeverities, severity); }
const char* name(Settlement by) { return word_of(kSettlements, by); }
std::optional<ConflictType> conflict_type(std::string_view word) { return value_of(kTypes, word); }
std::optional<Severity> severity(std::string_view word) { return value_of(kSeverities, word); }
std::optional<Settlement> settlement(std::string_view word) { return value_of(kSettlements, word); }

std::string sentence(const Conflict& c) {
  const std::string at = utc(c.ends_at);
  switch (c.ending) {
    case Ending::kVictimsLeave:
      return "who has the room was asked to stop";
    case Ending::kGuaranteeEnds:
      return "the guarantee of " + c.ends_with + " ends at " + at + ", then it makes room";
    case Ending::kCooldownEnds:
      return c.ends_with + " was preempted not long ago and is left alone until " + at +
             ", then it makes room";
    case Ending::kTurnComes:
      return "its turn comes; the room can be had at once";
    case Ending::kHolderEnds:
      return c.ends_with + " is expected to end at " + at;
    case Ending::kHolderLate:
      return c.ends_with + " was expected to end at " + at + ", and still runs";
    case Ending::kHolderStarts:
      return c.ends_with + " is starting; when it ends is known once it runs";
    case Ending::kReservation:
      if (c.ends_at.ns == 0) return "the room is kept for " + c.ends_with;
      return "the room is reserved for " + c.ends_with + " from " + at + " on";
    case Ending::kUnknown:
      break;
  }
  return "nobody knows when " + c.ends_with + " ends: it states no duration";
}

}  // namespace sched
