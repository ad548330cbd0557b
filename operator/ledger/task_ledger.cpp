#include "operator/ledger/task_ledger.hpp"

#include <algorithm>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "operator/api/duration.hpp"
#include "operator/api/status_fields.hpp"

namespace fermi {
namespace {

constexpr std::size_t kShards = 8;
// Marks that nobody needs go with the next write of their shard, or by themselves when there are
// so many.
constexpr std::size_t kMostForgotten = 1000;

LedgerStore::Options options() {
  LedgerStore::Options out;
  out.name = "tasks";
  out.shards = kShards;
  out.before_write = [](LedgerRecords& records) { compact(records, {}); };
  return out;
}

std::string live_key(const std::string& task_id) { return "live/" + task_id; }

nlohmann::json to_record(const OpenTask& task) {
  const Spending& spending = task.spending;
  const PoolRate rate = spending.rates.empty() ? PoolRate{} : spending.rates.front();
  return {{"pod", task.key},
          {"queue", spending.queue},
          {"tenant", spending.tenant},
          {"pool", rate.pool},
          {"costPerHour", format_micros(rate.micros)},
          {"since", k8s::format_time(spending.since)}};
}

OpenTask from_record(const nlohmann::json& record) {
  const auto micros = parse_micros(k8s::string_at(record, "costPerHour"));
  OpenTask out{k8s::string_at(record, "pod"), {}};
  out.spending.queue = k8s::string_at(record, "queue");
  out.spending.tenant = k8s::string_at(record, "tenant");
  out.spending.rates = {{k8s::string_at(record, "pool"), micros ? *micros : 0}};
  out.spending.since = time_or_none(record, "since");
  return out;
}

// What one task adds to one shard.
struct Share {
  std::vector<CostPart> costs;
  std::optional<FinishedRun> run;
  std::optional<TaskOutcome> outcome;
};

LedgerStore::Change change_of(const FinishedTask& task, Share share) {
  return [key = done_key(task.task_id), live = live_key(task.task_id), day = task.day,
          share = std::move(share)](LedgerRecords& records) {
    records.erase(live);
    if (!records.emplace(key, true).second) return;
    for (const CostPart& part : share.costs) add_cost(records, part);
    if (share.run) add_run(records, *share.run, day);
    if (share.outcome) add_outcome(records, *share.outcome);
  };
}

}  // namespace

TaskLedger::TaskLedger(k8s::Loop& loop, Writer& writer, std::string ns,
                       const k8s::Informer<LedgerShard>& cache)
    : store_(loop, writer, std::move(ns), cache, options()) {
  const std::string prefix = done_key(""), live = live_key("");
  for (std::size_t shard = 0; shard < store_.shards(); ++shard) {
    const LedgerRecords& records = store_.records(shard);
    for (auto at = records.lower_bound(live); at != records.end() && at->first.starts_with(live);
         ++at)
      open_[at->first.substr(live.size())] = from_record(at->second);
    for (auto at = records.lower_bound(prefix);
         at != records.end() && at->first.starts_with(prefix); ++at)
      marks_[at->first.substr(prefix.size())].insert(shard);
  }
}

void TaskLedger::fold(const FinishedTask& task, std::function<void()> done) {
  const std::string& id = task.task_id;
  if (folded(id)) return done();
  if (const auto under_way = folding_.find(id); under_way != folding_.end()) {
    under_way->second.done.push_back(std::move(done));
    return;
  }
  std::map<std::size_t, Share> shares;
  for (const CostPart& part : task.costs)
    shares[store_.shard_of(book_of(part.queue, part.tenant))].costs.push_back(part);
  if (task.run) shares[store_.shard_of(book_of(task.run->queue, task.run->tenant))].run = task.run;
  if (task.outcome)
    shares[store_.shard_of(book_of(task.outcome->queue, task.outcome->tenant))].outcome =
        task.outcome;
  if (const auto open = open_.find(id); open != open_.end()) {
    const Spending& spending = open->second.spending;
    shares[store_.shard_of(book_of(spending.queue, spending.tenant))];  // it goes from there
    open_.erase(open);
  }
  // A leader before us may have come so far.
  if (const auto known = marks_.find(id); known != marks_.end())
    for (const std::size_t shard : known->second) shares.erase(shard);
  Folding& folding = folding_[id];
  folding.left = shares.size();
  folding.done.push_back(std::move(done));
  if (shares.empty()) {
    folding.left = 1;
    return on_written(id);
  }
  for (auto& [shard, share] : shares) {
    marks_[id].insert(shard);
    if (share.run && on_run_) on_run_(*share.run);
    change(shard, change_of(task, std::move(share)), [this, id] { on_written(id); });
  }
}

void TaskLedger::open(const std::string& id, OpenTask task) {
  const Spending& spending = task.spending;
  change(
      store_.shard_of(book_of(spending.queue, spending.tenant)),
      [done = done_key(id), live = live_key(id), record = to_record(task)](LedgerRecords& records) {
        if (records.count(done) == 0) records[live] = record;
      },
      {});
  open_[id] = std::move(task);
}

// With it go the marks of the shard that nobody needs.
void TaskLedger::change(std::size_t shard, LedgerStore::Change change,
                        LedgerStore::Written written) {
  const auto found = forgotten_.find(shard);
  if (found == forgotten_.end()) return store_.change(shard, std::move(change), std::move(written));
  const std::set<std::string> old = std::move(found->second);
  forgotten_.erase(found);
  store_.change(
      shard,
      [old, change = std::move(change)](LedgerRecords& records) {
        for (const std::string& id : old) records.erase(done_key(id));
        change(records);
      },
      std::move(written));
}

void TaskLedger::on_written(const std::string& id) {
  const auto found = folding_.find(id);
  if (found == folding_.end() || --found->second.left > 0) return;
  const std::vector<std::function<void()>> done = std::move(found->second.done);
  folding_.erase(found);
  durable_.insert(id);
  for (const auto& tell : done) tell();
}

void TaskLedger::forget(const std::string& id) {
  if (folding_.count(id) != 0) return;
  durable_.erase(id);
  const auto found = marks_.find(id);
  if (found == marks_.end()) return;
  const std::set<std::size_t> shards = std::move(found->second);
  marks_.erase(found);
  for (const std::size_t shard : shards) {
    forgotten_[shard].insert(id);
    if (forgotten_[shard].size() >= kMostForgotten) change(shard, [](LedgerRecords&) {}, {});
  }
}

void TaskLedger::keep_only(const std::set<std::string>& task_ids) {
  std::vector<std::string> gone;
  for (const auto& [id, shards] : marks_)
    if (task_ids.count(id) == 0) gone.push_back(id);
  for (const std::string& id : gone) forget(id);
}

std::vector<sched::PastRuns> TaskLedger::runs_of(const std::string& queue) const {
  std::vector<sched::PastRuns> out;
  for (std::size_t shard = 0; shard < store_.shards(); ++shard)
    add_runs_of(store_.records(shard), queue, out);
  std::int64_t longest = 0;
  for (const sched::PastRuns& past : out)
    longest = std::max(longest, past.longest_wait_ns.value_or(0));
  for (sched::PastRuns& past : out) past.longest_wait_ns = longest;
  return out;
}

AllSums TaskLedger::sums() const {
  AllSums out;
  for (std::size_t shard = 0; shard < store_.shards(); ++shard)
    add_sums_of(store_.records(shard), out);
  return out;
}

CostCells TaskLedger::costs_of(const std::string& day) const {
  CostCells out;
  for (std::size_t shard = 0; shard < store_.shards(); ++shard)
    add_costs_of(store_.records(shard), day, out);
  return out;
}

}  // namespace fermi
