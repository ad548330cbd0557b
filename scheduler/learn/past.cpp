#include "scheduler/learn/past.hpp"

#include "scheduler/limits.hpp"

namespace sched {
namespace {

void insert(Past::Runs& runs, const Past::Run& run) {
  runs.insert(std::upper_bound(runs.begin(), runs.end(), run), run);
}

}  // namespace

bool Past::add(const Kind& kind, const std::string& shape, Run run) {
  constexpr std::int64_t kLongest = std::int64_t{1} << 61;
  for (std::int64_t* part : {&run.ended.ns, &run.ran_ns, &run.stated_ns, &run.size}) {
    *part = std::clamp<std::int64_t>(*part, 0, kLongest);
  }
  OfKind& of = kinds_[kind];
  const auto [known, fresh] = of.shapes.try_emplace(shape);
  Runs& runs = known->second;
  if (runs.size() >= kPastRunsMax && run < runs.front()) return false;
  insert(runs, run);
  insert(of.all, run);
  if (predictor_) predictor_->finished(run);
  if (runs.size() > kPastRunsMax) {
    forget(of, runs.front());
    runs.erase(runs.begin());
  }
  if (fresh && ++shapes_ > kPastShapesMax) forget_oldest_shape();
  return true;
}

void Past::forget(OfKind& of, const Run& run) {
  of.all.erase(std::lower_bound(of.all.begin(), of.all.end(), run));
  if (predictor_) predictor_->forget(run);
}

// Of equally old ones the first by name.
void Past::forget_oldest_shape() {
  auto kind = kinds_.end();
  std::map<std::string, Runs>::iterator oldest;
  for (auto of = kinds_.begin(); of != kinds_.end(); ++of) {
    for (auto shape = of->second.shapes.begin(); shape != of->second.shapes.end(); ++shape) {
      if (kind != kinds_.end() && shape->second.back().ended >= oldest->second.back().ended)
        continue;
      kind = of;
      oldest = shape;
    }
  }
  for (const Run& run : oldest->second) forget(kind->second, run);
  kind->second.shapes.erase(oldest);
  if (kind->second.shapes.empty()) kinds_.erase(kind);
  --shapes_;
}

void Past::learn(bool learns) {
  if (learns == predictor_.has_value()) return;
  predictor_.reset();
  if (!learns) return;
  predictor_.emplace();
  for (const auto& [kind, of] : kinds_) {
    for (const Run& run : of.all) predictor_->finished(run);
  }
}

const Past::Runs* Past::of(const std::string& kind, const std::string& tenant) const {
  const auto known = kinds_.find({kind, tenant});
  return known == kinds_.end() ? nullptr : &known->second.all;
}

std::int64_t Past::predict(std::int64_t size, std::int64_t stated_ns) const {
  return predictor_ ? predictor_->predict(size, stated_ns) : stated_ns;
}

}  // namespace sched
