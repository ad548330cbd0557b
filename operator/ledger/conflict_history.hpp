// ConflictHistory: the last thousand conflicts that are over, in the ledger
// (ConfigMap "fermi-ledger-conflicts-0"), each with how and when it ended.
//
//   ["000000000017/pc-5b0c3f6a8e21d794/2026-03-01T12:00:05Z", {"queue": "research", ...}]
//
// Records are numbered in the order in which they were found to be over, whatever the clock says;
// the oldest goes when there is no room for another. A conflict is known by its id and the time it
// began, and stands there once, however many leaders find it over. What a person wrote there that
// is no such record goes with the next write.
//
// Threads: the loop's. At most one write in ten seconds (LedgerStore).
#pragma once

#include <functional>
#include <string>

#include "operator/api/queue_conflicts.hpp"
#include "operator/ledger/store.hpp"

namespace fermi {

class ConflictHistory {
 public:
  // All outlive this object; `cache` as LedgerStore's.
  ConflictHistory(k8s::Loop& loop, Writer& writer, std::string ns,
                  const k8s::Informer<LedgerShard>& cache);

  // Of a queue, with `resolution` and `resolution_at` saying how and when it ended. `written` is
  // called once the record stands in the API server.
  void add(const std::string& queue, QueueConflict conflict, std::function<void()> written);

  std::size_t size() const { return store_.records(0).size(); }
  // Writes what is left, then calls `drained`.
  void stop(std::function<void()> drained) { store_.stop(std::move(drained)); }

 private:
  LedgerStore store_;
};

}  // namespace fermi
