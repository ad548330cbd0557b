#include "operator/ledger/conflict_history.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "libk8s/codec/rfc3339.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostRecords = 1000, kMostBytes = std::size_t{900} * 1024;
constexpr std::size_t kNamedOthers = 3, kDigits = 12;
constexpr std::int64_t kMostNumber = 999'999'999'999;

// The number that a key begins with; nothing when it is not one of ours.
std::optional<std::int64_t> number_of(const std::string& key) {
  if (key.size() <= kDigits || key[kDigits] != '/') return std::nullopt;
  std::int64_t number = 0;
  for (std::size_t i = 0; i < kDigits; ++i) {
    if (key[i] < '0' || key[i] > '9') return std::nullopt;
    number = number * 10 + (key[i] - '0');
  }
  return number < kMostNumber ? std::optional(number) : std::nullopt;
}

std::string key_of(std::int64_t number, const std::string& name) {
  const std::string digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0') + digits + name;
}

// Made a second time, to what has the record already, it changes nothing.
void add_to(LedgerRecords& records, const std::string& name, const Json& record) {
  std::erase_if(records, [](const auto& entry) { return !number_of(entry.first); });
  const bool there = std::any_of(records.begin(), records.end(),
                                 [&](const auto& entry) { return entry.first.ends_with(name); });
  if (there) return;
  const auto last = records.empty() ? std::nullopt : number_of(records.rbegin()->first);
  records[key_of(last ? *last + 1 : 0, name)] = record;
  while (records.size() > kMostRecords) records.erase(records.begin());
}

}  // namespace

ConflictHistory::ConflictHistory(k8s::Loop& loop, Writer& writer, std::string ns,
                                 const k8s::Informer<LedgerShard>& cache)
    : store_(loop, writer, std::move(ns), cache, {.name = "conflicts", .most_bytes = kMostBytes}) {}

// Less what nobody asks for any more, so that a thousand of them fit.
void ConflictHistory::add(const std::string& queue, QueueConflict conflict,
                          std::function<void()> written) {
  if (conflict.others.size() > kNamedOthers) conflict.others.resize(kNamedOthers);
  for (ConflictParty& party : conflict.others) party.task_id.clear();
  Json record = encode(conflict);
  record["queue"] = queue;
  const std::string name = "/" + conflict.id + "/" + k8s::format_time(conflict.since);
  store_.change(
      0,
      [name, record = std::move(record)](LedgerRecords& records) { add_to(records, name, record); },
      std::move(written));
}

}  // namespace fermi
