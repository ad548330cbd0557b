// The formats of published logs.
#include "operator/simulate/formats.hpp"
#include "operator/simulate/header.hpp"

namespace fermi::simulate {
namespace {

constexpr std::int64_t kWhole = 1000;  // thousandths of a GPU

// Seconds that a log may leave open as -1: the sign is all that matters then.
struct Cut {
  std::int64_t begin = 0, end = 0;
  std::int64_t length() const {
    std::int64_t ns = 0;
    return __builtin_sub_overflow(end, begin, &ns) ? -1 : ns;
  }
};

// The places of named columns; the first that is missing is kept.
class Places {
 public:
  explicit Places(Lines& lines) : lines_(lines), header_(Header::read(lines)) {}
  std::size_t operator()(const char* name) {
    auto place = header_.column(name);
    if (place) return *place;
    if (status_.is_ok()) status_ = lines_.error(place.status().message());
    return 0;
  }
  const k8s::Status& status() const { return status_; }

 private:
  Lines& lines_;
  Header header_;
  k8s::Status status_;
};

}  // namespace

k8s::Status read_swf(Lines& lines, TraceBuilder& out) {
  while (const auto line = lines.next()) {
    if (line->front() == ';' || out.full()) continue;
    Row row(*line, ' ');
    Job job;
    job.submit_ns = row.seconds(1, "submit time");
    job.run_ns = row.seconds(3, "run time");
    const auto given = row.whole(4, "number of processors given");
    const auto asked = row.whole(7, "number of processors asked for");
    job.gpus = asked > 0 ? asked : given;
    job.estimate_ns = row.seconds(8, "estimate");
    job.tenant = out.tenant(row.text(11, "user"));
    if (!row.error().empty()) return lines.error(row.error());
    out.add(job);
  }
  return {};
}

k8s::Status read_cqsim(Lines& lines, TraceBuilder& out) {
  while (const auto line = lines.next()) {
    if (out.full()) break;
    Row row(*line, ';');
    Job job;
    const auto id = row.whole(0, "id");
    job.gpus = row.whole(1, "number of processors");
    job.estimate_ns = row.seconds(3, "estimate");
    job.run_ns = row.seconds(4, "run time");
    job.submit_ns = row.seconds(6, "submit time");
    if (!row.error().empty()) return lines.error(row.error());
    out.add(job, id);
  }
  return {};
}

k8s::Status read_philly(Lines& lines, TraceBuilder& out) {
  Places place(lines);
  const auto submit = place("timestamp"), run = place("duration"), gpus = place("num_gpus"),
             tenant = place("cluster");
  if (!place.status().is_ok()) return place.status();
  while (const auto line = lines.next()) {
    if (out.full()) break;
    Row row(*line, ',');
    Job job;
    job.submit_ns = row.moment(submit, "timestamp");
    job.run_ns = row.seconds(run, "duration");
    job.gpus = row.whole(gpus, "number of GPUs");
    job.tenant = out.tenant(row.text(tenant, "cluster"));
    if (!row.error().empty()) return lines.error(row.error());
    out.add(job);
  }
  return {};
}

k8s::Status read_openb(Lines& lines, TraceBuilder& out) {
  Places place(lines);
  const auto cpu = place("cpu_milli"), memory = place("memory_mib"), gpus = place("num_gpu"),
             part = place("gpu_milli"), spec = place("gpu_spec"), submit = place("creation_time"),
             end = place("deletion_time"), begin = place("scheduled_time");
  if (!place.status().is_ok()) return place.status();
  while (const auto line = lines.next()) {
    if (out.full()) break;
    Row row(*line, ',');
    Job job;
    job.cpu_milli = row.whole(cpu, "number of milli-cores");
    job.memory_mib = row.whole(memory, "amount of memory");
    job.gpus = row.whole(gpus, "number of GPUs");
    job.nodes = 1;
    const auto milli = row.whole(part, "part of a GPU");
    job.models = out.models(row.text(spec, "GPU model"));
    job.submit_ns = row.seconds(submit, "creation time");
    Cut ran{0, row.seconds(end, "deletion time")};
    const bool scheduled = !row.text(begin, "scheduled time").empty();
    if (scheduled) ran.begin = row.seconds(begin, "scheduled time");
    job.run_ns = scheduled ? ran.length() : -1;
    if (!row.error().empty()) return lines.error(row.error());
    if (milli < 0 || milli > kWhole || (job.gpus > 1 && milli != kWhole)) {
      return lines.error("gpu_milli is " + std::to_string(milli) + " with num_gpu " +
                         std::to_string(job.gpus) +
                         ": of one GPU it is 0 to 1000, of each of several 1000");
    }
    if (job.gpus == 1 && milli > 0 && milli < kWhole) job.part_milli = milli;
    if (job.part_milli > 0 && job.run_ns >= 0) ++out.notes().shared_gpus;
    out.add(job);
  }
  return {};
}

}  // namespace fermi::simulate
