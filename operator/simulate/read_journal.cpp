// The engine's own journal as a trace: what was asked for, and how long it then ran.
//
// An end that carries no time of its own was at that of the next plan, since ends are told at once;
// or at the latest that the journal names, where it stops before. A task that the journal does not
// see start and end has no known run time.
#include <algorithm>
#include <map>

#include "operator/simulate/formats.hpp"
#include "scheduler/journal/journal.hpp"

namespace fermi::simulate {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";

class Tasks {
 public:
  explicit Tasks(TraceBuilder& out) : out_(out) {}

  void on(const sched::Delta& delta) {
    if (const auto* d = std::get_if<sched::TaskUpsert>(&delta)) {
      known_[d->task.uid].task = d->task;
    } else if (const auto* confirm = std::get_if<sched::Confirm>(&delta)) {
      if (auto* record = find(confirm->task)) record->since = confirm->at.ns;
      latest_ = std::max(latest_, confirm->at.ns);
    } else if (const auto* reject = std::get_if<sched::Reject>(&delta)) {
      if (auto* record = find(reject->task)) record->since = -1;
    } else if (const auto* end = std::get_if<sched::TaskEnd>(&delta)) {
      if (end->at.ns > 0) return finish(end->task, end->at.ns);
      ended_.push_back(end->task);
    } else if (const auto* past = std::get_if<sched::PastRuns>(&delta)) {
      for (const auto& run : past->runs) latest_ = std::max(latest_, run.ended.ns);
    } else if (const auto* gone = std::get_if<sched::TaskRemove>(&delta)) {
      ended_.push_back(gone->uid);
    }
  }

  void at(sched::Time now) {
    for (const std::string& uid : ended_) finish(uid, now.ns);
    ended_.clear();
    latest_ = std::max(latest_, now.ns);
  }

  // What still waits or runs when the journal ends.
  void close() {
    at({latest_});
    for (const auto& [uid, record] : known_) out_.add(job_of(record, -1));
  }

 private:
  struct Record {
    sched::Task task;
    std::int64_t since = -1;
  };

  Record* find(const std::string& uid) {
    auto found = known_.find(uid);
    return found == known_.end() ? nullptr : &found->second;
  }

  void finish(const std::string& uid, std::int64_t now) {
    const Record* record = find(uid);
    if (record == nullptr) return;
    out_.add(
        job_of(*record, record->since < 0 ? -1 : std::max<std::int64_t>(0, now - record->since)));
    known_.erase(uid);
  }

  Job job_of(const Record& record, std::int64_t run_ns) {
    Job job;
    job.submit_ns = record.task.submitted.ns;
    job.run_ns = run_ns;
    job.estimate_ns = record.task.expected_duration_ns;
    bool parts_only = true;
    for (const sched::PodGroup& group : record.task.groups) {
      const std::int64_t count = std::clamp<std::int64_t>(group.count, 0, 100'000);
      const auto sum = [count](std::int64_t one, std::int64_t most) {
        return std::clamp<std::int64_t>(one, 0, most) * count;
      };
      job.nodes += count;
      const std::int64_t whole = group.requests.extended_amount(kGpu);
      const bool shares = whole == 0 && group.shared_milli > 0 && group.shared_milli < 1000;
      job.gpus += shares ? count : sum(whole, 100'000);
      job.part_milli = std::max(job.part_milli, shares ? group.shared_milli : 0);
      parts_only = parts_only && (shares || whole == 0);
      job.cpu_milli += sum(group.requests.cpu_milli, 10'000'000);
      job.memory_mib += sum(group.requests.memory_bytes >> 20, std::int64_t{1} << 30);
    }
    if (!parts_only) job.part_milli = 0;  // beside whole ones they count as such
    job.tenant = out_.tenant(record.task.tenant);
    job.models = out_.models(record.task.gpu_model);
    return job;
  }

  TraceBuilder& out_;
  std::map<std::string, Record> known_;
  std::vector<std::string> ended_;
  std::int64_t latest_ = 0;
};

}  // namespace

k8s::Status read_journal(Lines& lines, TraceBuilder& out) {
  const auto first = lines.next();
  if (!first || *first != sched::journal_header()) {
    return lines.error("this is no journal: the first line should be " + sched::journal_header());
  }
  Tasks tasks(out);
  while (const auto line = lines.next()) {
    if (out.full()) break;
    const auto decoded = sched::decode(*line);
    if (!decoded.record) return lines.error(decoded.error);
    if (const auto* plan = std::get_if<sched::PlanRecord>(&*decoded.record)) {
      tasks.at(plan->now);
    } else {
      tasks.on(std::get<sched::Delta>(*decoded.record));
    }
  }
  tasks.close();
  return {};
}

}  // namespace fermi::simulate
