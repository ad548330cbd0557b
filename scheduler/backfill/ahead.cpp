#include "scheduler/backfill/ahead.hpp"

namespace sched {

NodeAmounts Ahead::all() const {
  if (kept_ != nullptr) return kept_->all(end_, binding_);
  return calendar_ != nullptr ? calendar_->kept(end_, of_) : NodeAmounts{};
}

Amounts Ahead::on(NodeId node, const std::vector<Release>& gone) const {
  if (kept_ != nullptr) return kept_->missing(node, binding_, kept_->now(), end_, gone);
  return calendar_ != nullptr ? calendar_->kept_on(node, end_, of_, gone) : Amounts{};
}

bool Ahead::reserves(NodeId node) const {
  if (kept_ != nullptr) return kept_->binds_on(node, binding_);
  return calendar_ != nullptr && calendar_->reserves(node);
}

Time Ahead::expected_end_of(TaskId task) const {
  if (kept_ != nullptr) return kept_->expected_end_of(task);
  return calendar_ != nullptr ? calendar_->expected_end_of(task) : kEndless;
}

}  // namespace sched
