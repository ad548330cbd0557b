// Journal: deltas and plans as lines of text, and replay of such lines.
//
// The state is the fold of its deltas, so a file of them replays every decision bit for bit: a bug
// report is a journal. The format is written field by field (no bytes of structs), one record a
// line, and says its version in the first line:
//
//   sched-journal 8
//   D node =n1 =zone-a =r1 ...          a delta: its name, then its fields in order
//   P 1700000000000000000 1000 1 ...    a plan: now, max_starts, then its starts
//
// Numbers are decimal; a text is "=" and its bytes, all but [A-Za-z0-9._/:@-] as %XX; a list is its
// length and its elements. The counted work of a plan is not written: it depends on what was asked
// in between, the decisions do not.
//
// Pure: opening and reading files is the caller's work. Decoding takes any input: it is bounded by
// the line's length, never throws, and says what is wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "scheduler/engine.hpp"

namespace sched {

struct PlanRecord {
  Time now;
  std::int64_t max_starts = 1000;
  std::vector<Start> starts;
  friend bool operator==(const PlanRecord&, const PlanRecord&) = default;
};

using JournalRecord = std::variant<Delta, PlanRecord>;

inline constexpr std::size_t kJournalLineMax = std::size_t{64} << 20;

std::string journal_header();            // the first line
std::string encode(const Delta& delta);  // one line, no newline
std::string encode(const PlanRecord& record);

struct DecodedLine {
  std::optional<JournalRecord> record;
  std::string error;  // why there is none
};
DecodedLine decode(std::string_view line);

// Folds lines as they come and compares each plan with what this engine plans.
class Replayer {
 public:
  // Returns false once something is wrong; `errors` says what. Differences do not stop it.
  bool line(std::string_view line);

  const Engine& engine() const { return engine_; }
  std::int64_t deltas() const { return deltas_; }
  std::int64_t plans() const { return plans_; }
  // "line 12: start 1 is t on n1, replayed as t on n2"; the first 100.
  const std::vector<std::string>& differences() const { return differences_; }
  const std::string& error() const { return error_; }

 private:
  void compare(const PlanRecord& record);

  Engine engine_;
  std::int64_t lines_ = 0, deltas_ = 0, plans_ = 0;
  std::vector<std::string> differences_;
  std::string error_;
};

}  // namespace sched
