#include "scheduler/conflicts/clearing.hpp"

#include <algorithm>

namespace sched {
namespace {

class Clearing {
 public:
  Clearing(const State& state, Trial& trial, std::vector<TaskId> order, Overlay& overlay,
           std::int64_t& looked, EarlyEnds* early)
      : state_(state),
        trial_(trial),
        order_(std::move(order)),
        overlay_(overlay),
        looked_(looked),
        early_(early) {}

  std::optional<std::vector<TaskId>> run() {
    go_to(order_.size());
    if (!fits()) return std::nullopt;
    shorten();
    put_back();
    return std::move(order_);
  }

 private:
  bool fits() { return trial_.fits(overlay_, looked_); }
  void end(TaskId task, int sign) {
    ++looked_;
    state_.each_own_use(task, [&](NodeId node, const Amounts& amounts) {
      trial_.change(node, amounts, sign);
      if (early_ != nullptr) early_->change(task, node, amounts, sign);
    });
  }
  // The first `count` have ended, and no others.
  void go_to(std::size_t count) {
    for (; ended_ > count; --ended_) end(order_[ended_ - 1], -1);
    for (; ended_ < count; ++ended_) end(order_[ended_], 1);
  }
  void shorten() {
    std::size_t too_few = 0, enough = order_.size();
    while (enough - too_few > 1) {
      const std::size_t middle = too_few + (enough - too_few) / 2;
      go_to(middle);
      (fits() ? enough : too_few) = middle;
    }
    go_to(enough);
    order_.resize(enough);
  }
  // Where the search for nodes decides, one who goes can make another superfluous: until none does.
  void put_back() {
    for (bool again = true; again;) {
      again = false;
      for (std::size_t i = order_.size(); i-- > 0;) {
        end(order_[i], -1);
        if (!fits()) {
          end(order_[i], 1);
          continue;
        }
        order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(i));
        again = !trial_.exact();
      }
    }
  }

  const State& state_;
  Trial& trial_;
  std::vector<TaskId> order_;
  Overlay& overlay_;
  std::int64_t& looked_;
  EarlyEnds* const early_;
  std::size_t ended_ = 0;
};

}  // namespace

std::optional<std::vector<TaskId>> clear_room(const State& state, Trial& trial,
                                              std::vector<TaskId> order, Overlay& overlay,
                                              std::int64_t& looked, EarlyEnds* early) {
  return Clearing(state, trial, std::move(order), overlay, looked, early).run();
}

}  // namespace sched
