// LedgerStore: named records that outlive a leader, in a few ConfigMaps of Fermi's own namespace.
//
// A store has a name and a fixed number of shards, each one ConfigMap ("fermi-ledger-costs-3"). A
// new leader has all of it before its first plan, from the informer that it waits for. A change
// takes effect here at once and is written with the next write of its shard; a shard is written at
// most once in `period`, as a whole, and only when something in it changed.
//
//   LedgerStore store(loop, writer, "fermi-system", cache, {.name = "conflicts", .most_records =
//   1000}); store.put("2026-03-01T10:00:00Z/c-17", {{"type", "resource_competition"}}); for (const
//   auto& [key, value] : store.records(0)) ...
//
// Invariants
//  1. Of a change all or nothing is written: it concerns one shard, and a shard is one object.
//  2. A shard that somebody else has written since (a leader before us, late; a person) is read
//     again, and the changes that are not known to be written are made to what stands there. So a
//     change may be made a second time to what has it already: it must not count twice.
//  3. What is written stands on what was read: a shard that does not exist is made empty, then
//     written like any other. So a write that arrives late, in a store that was restored from a
//     copy meanwhile, changes nothing there: the object has another version, or is not there.
//  4. A shard never grows beyond `most_records` and `most_bytes`: the smallest keys go first, and
//     are counted. Let keys begin with a time, or keep below the limits.
//
// Threads: the loop's. Only a leader makes one, and its writes pass the leader's gate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "libk8s/watch/informer.hpp"
#include "operator/commit/writer.hpp"
#include "operator/ledger/shard.hpp"

namespace fermi {

class LedgerStore {
 public:
  struct Options {
    std::string name{};                                // small letters and dashes
    std::size_t shards = 1;                            // for ever the same
    std::size_t most_records = 0;                      // of one shard; 0: no limit
    std::size_t most_bytes = std::size_t{512} * 1024;  // of one shard, as text
    // Makes room, shortly before a shard is written. May be null.
    std::function<void(LedgerRecords&)> before_write{};
    k8s::Duration period = std::chrono::seconds(10);
    k8s::Duration gather = std::chrono::milliseconds(200);  // before a first write
  };
  using Change = std::function<void(LedgerRecords&)>;
  using Written = std::function<void()>;

  // All outlive this object. `cache` is synced, and holds every ConfigMap with `kLedgerLabel`.
  LedgerStore(k8s::Loop& loop, Writer& writer, std::string ns,
              const k8s::Informer<LedgerShard>& cache, Options options);
  ~LedgerStore();
  LedgerStore(const LedgerStore&) = delete;
  LedgerStore& operator=(const LedgerStore&) = delete;

  std::size_t shards() const { return shards_.size(); }
  // The same for ever.
  std::size_t shard_of(std::string_view key) const;
  const LedgerRecords& records(std::size_t shard) const { return shards_[shard].records; }
  // The record with this key in the shard of this key, or null.
  const nlohmann::json* find(const std::string& key) const;

  // Grows with each change, and when somebody else's was taken in.
  std::uint64_t version() const { return version_; }

  // Changes one shard; `written` is called once that stands in the API server, unless this object
  // goes before.
  void change(std::size_t shard, Change change, Written written = {});
  // The same with one record, in the shard of its key.
  void put(const std::string& key, nlohmann::json value, Written written = {});
  void erase(const std::string& key, Written written = {});

  // Writes what is left at once, then calls `drained`; what cannot be written is left.
  void stop(std::function<void()> drained);

 private:
  struct Pending {
    Change change;
    Written written;
  };
  struct Shard {
    LedgerRecords records;
    std::string uid, resource_version;  // "": there is no such object
    std::string gone_at;                // the last version known of one that is gone
    std::vector<Pending> pending, sent;
    bool in_flight = false;
    bool wrote = false;
    k8s::TimePoint written_at;
    int failures = 0;
    k8s::TimerId timer = k8s::TimerId::kNone;
  };

  void arm(std::size_t index);
  void write(std::size_t index);
  void create(std::size_t index);
  void replace(std::size_t index);
  void take_version(std::size_t index, const nlohmann::json& object);
  void on_gone(std::size_t index);
  void on_answer(std::size_t index, k8s::Result<nlohmann::json> answer);
  void read_again(std::size_t index);
  void rebase(std::size_t index, const k8s::Result<nlohmann::json>& read);
  void settle(std::size_t index, bool written);
  void trim(Shard& shard);
  void fit(Shard& shard);
  nlohmann::json object_of(std::size_t index, const LedgerRecords& records) const;

  k8s::Loop& loop_;
  Writer& writer_;
  std::string ns_;
  Options options_;
  std::vector<Shard> shards_;
  std::uint64_t version_ = 0;
  bool stopping_ = false;
  std::function<void()> drained_;
};

}  // namespace fermi
