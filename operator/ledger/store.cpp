#include "operator/ledger/store.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "libk8s/base/log.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/request/request.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;
namespace request = k8s::request;

constexpr k8s::Duration kFirstRetry = std::chrono::seconds(1);
constexpr int kMostDoublings = 5;

// FNV-1a: the same everywhere and for ever.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

}  // namespace

LedgerStore::LedgerStore(k8s::Loop& loop, Writer& writer, std::string ns,
                         const k8s::Informer<LedgerShard>& cache, Options options)
    : loop_(loop), writer_(writer), ns_(std::move(ns)), options_(std::move(options)) {
  shards_.resize(std::max<std::size_t>(options_.shards, 1));
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    const auto found = cache.get(ns_ + "/" + ledger_shard_name(options_.name, i));
    if (found == nullptr) continue;
    shards_[i].records = found->records;
    shards_[i].uid = found->meta.uid;
    shards_[i].resource_version = found->meta.resource_version;
    if (found->unreadable > 0)
      k8s::log::warn(
          "the ledger has lines that cannot be read",
          {{"configmap", found->meta.name}, {"lines", std::to_string(found->unreadable)}});
  }
}

LedgerStore::~LedgerStore() {
  for (const Shard& shard : shards_) loop_.cancel(shard.timer);
}

std::size_t LedgerStore::shard_of(std::string_view key) const {
  return static_cast<std::size_t>(hash_of(key) % shards_.size());
}

const Json* LedgerStore::find(const std::string& key) const {
  const LedgerRecords& records = shards_[shard_of(key)].records;
  const auto found = records.find(key);
  return found == records.end() ? nullptr : &found->second;
}

void LedgerStore::change(std::size_t index, Change change, Written written) {
  Shard& shard = shards_[index];
  ++version_;
  change(shard.records);
  trim(shard);
  shard.pending.push_back({std::move(change), std::move(written)});
  arm(index);
}

void LedgerStore::put(const std::string& key, Json value, Written written) {
  change(
      shard_of(key),
      [key, value = std::move(value)](LedgerRecords& records) { records[key] = value; },
      std::move(written));
}

void LedgerStore::erase(const std::string& key, Written written) {
  change(
      shard_of(key), [key](LedgerRecords& records) { records.erase(key); }, std::move(written));
}

void LedgerStore::trim(Shard& shard) {
  if (options_.most_records == 0) return;
  while (shard.records.size() > options_.most_records) {
    shard.records.erase(shard.records.begin());
    ++writer_.metrics().ledger_dropped;
  }
}

void LedgerStore::fit(Shard& shard) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : shard.records) bytes += ledger_bytes(key, value);
  while (bytes > options_.most_bytes && !shard.records.empty()) {
    bytes -= ledger_bytes(shard.records.begin()->first, shard.records.begin()->second);
    shard.records.erase(shard.records.begin());
    ++writer_.metrics().ledger_dropped;
  }
}

void LedgerStore::arm(std::size_t index) {
  Shard& shard = shards_[index];
  if (shard.in_flight || shard.timer != k8s::TimerId::kNone || stopping_) return;
  const k8s::TimePoint now = loop_.now();
  k8s::TimePoint due = now + options_.gather;
  if (shard.wrote) due = std::max(due, shard.written_at + options_.period);
  if (shard.failures > 0)
    due = std::max(due, now + kFirstRetry * (1 << std::min(shard.failures - 1, kMostDoublings)));
  shard.timer = loop_.after(due - now, [this, index] {
    shards_[index].timer = k8s::TimerId::kNone;
    write(index);
  });
}

Json LedgerStore::object_of(std::size_t index) const {
  const Shard& shard = shards_[index];
  Json metadata = {{"name", ledger_shard_name(options_.name, index)},
                   {"namespace", ns_},
                   {"labels", {{kLedgerLabel, options_.name}}}};
  if (!shard.resource_version.empty()) {
    metadata["uid"] = shard.uid;
    metadata["resourceVersion"] = shard.resource_version;
  }
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", std::move(metadata)},
          {"data", {{"records", ledger_text(shard.records)}}}};
}

void LedgerStore::write(std::size_t index) {
  Shard& shard = shards_[index];
  if (options_.before_write) options_.before_write(shard.records);
  fit(shard);
  shard.sent = std::move(shard.pending);
  shard.pending.clear();
  shard.in_flight = true;
  shard.wrote = true;
  shard.written_at = loop_.now();
  ++writer_.metrics().ledger_writes;
  const auto resource = k8s::resources::config_maps();
  const Json object = object_of(index);
  writer_.send_change(
      shard.resource_version.empty()
          ? request::create(resource, ns_, object)
          : request::replace(resource, ns_, ledger_shard_name(options_.name, index), "", object),
      shard.resource_version,
      [this, index](k8s::Result<Json> answer) { on_answer(index, std::move(answer)); });
}

void LedgerStore::on_answer(std::size_t index, k8s::Result<Json> answer) {
  Shard& shard = shards_[index];
  const k8s::Status status = answer.status();
  if (answer) {
    const Json& meta = k8s::object_at(*answer, "metadata");
    shard.uid = k8s::string_at(meta, "uid");
    shard.resource_version = k8s::string_at(meta, "resourceVersion");
    return settle(index, true);
  }
  const bool theirs =
      status.next() == k8s::Next::kReread || status.code() == k8s::Code::kAlreadyExists;
  if (theirs && !stopping_) return read_again(index);
  // Somebody deleted it: it is made anew of all that is known.
  if (status.code() == k8s::Code::kNotFound) shard.resource_version.clear();
  k8s::log::warn(
      "the ledger could not be written",
      {{"configmap", ledger_shard_name(options_.name, index)}, {"error", status.to_string()}});
  settle(index, false);
}

void LedgerStore::read_again(std::size_t index) {
  writer_.send(
      request::get(k8s::resources::config_maps(), ns_, ledger_shard_name(options_.name, index)),
      [this, index](k8s::Result<Json> read) { rebase(index, read); });
}

// What stands there counts; what is not known to be written is laid over it again. Where that
// changes nothing, our write had arrived and only its answer was lost.
void LedgerStore::rebase(std::size_t index, const k8s::Result<Json>& read) {
  Shard& shard = shards_[index];
  if (!read) {
    if (read.status().code() == k8s::Code::kNotFound) shard.resource_version.clear();
    return settle(index, false);
  }
  auto theirs = decode_ledger_shard(*read);
  if (!theirs) return settle(index, false);
  shard.uid = theirs->meta.uid;
  shard.resource_version = theirs->meta.resource_version;
  shard.records = theirs->records;
  ++version_;
  const auto again = [&shard](const std::vector<Pending>& changes) {
    for (const Pending& pending : changes) pending.change(shard.records);
  };
  again(shard.sent);
  const bool arrived = shard.records == theirs->records;
  again(shard.pending);
  trim(shard);
  settle(index, arrived);
}

void LedgerStore::settle(std::size_t index, bool written) {
  Shard& shard = shards_[index];
  shard.in_flight = false;
  shard.failures = written ? 0 : shard.failures + 1;
  std::vector<Pending> sent = std::move(shard.sent);
  shard.sent.clear();
  if (!written) {
    for (Pending& later : shard.pending) sent.push_back(std::move(later));
    shard.pending = std::move(sent);
    sent.clear();
  }
  if (!shard.pending.empty()) arm(index);
  for (const Pending& pending : sent)
    if (pending.written) pending.written();
  const bool idle = std::none_of(shards_.begin(), shards_.end(),
                                 [](const Shard& each) { return each.in_flight; });
  if (!stopping_ || !idle || drained_ == nullptr) return;
  const auto drained = std::exchange(drained_, nullptr);
  drained();
}

void LedgerStore::stop(std::function<void()> drained) {
  stopping_ = true;
  drained_ = std::move(drained);
  bool any = false;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    Shard& shard = shards_[i];
    loop_.cancel(shard.timer);
    shard.timer = k8s::TimerId::kNone;
    if (!shard.in_flight && !shard.pending.empty()) write(i);
    any = any || shard.in_flight;
  }
  if (any) return;
  const auto done = std::exchange(drained_, nullptr);
  done();
}

}  // namespace fermi
