#include "libk8s/watch/watch_machine.hpp"

#include <utility>

namespace k8s {
namespace {

bool is_version_unavailable(const Status& status) {
  return status.code() == Code::kGone || status.code() == Code::kTooLargeVersion;
}

// The server says that it does not know the request, and will say so again.
bool is_refusal_for_good(const Status& status) {
  return status.code() == Code::kInvalid || status.code() == Code::kUnsupported;
}

bool is_busy(const Status& status) {
  switch (status.code()) {
    case Code::kTooManyRequests:
    case Code::kUnavailable:
    case Code::kUnauthorized:
      return true;
    default:
      return false;
  }
}

// The stream stopped, and nobody said that anything was wrong with it.
bool is_plain_end(const Status& status) {
  return status.is_ok() || status.code() == Code::kUnknownOutcome;
}

}  // namespace

WatchMachine::WatchMachine(Options options)
    : options_(options),
      state_(options.watch_list ? WatchState::kWatchListing : WatchState::kListing) {}

std::optional<std::string> WatchMachine::relist_version(bool watch_list) const {
  if (most_recent_) return std::nullopt;
  if (!resource_version_.empty()) return resource_version_;
  if (options_.may_start_stale && !watch_list) return "0";
  return std::nullopt;
}

WatchMachine::Step WatchMachine::next(std::uint64_t chance) const {
  Step step;
  step.state = state_;
  step.delay = delay_;
  if (state_ == WatchState::kListing) {
    step.continue_token = continue_token_;
    if (continue_token_.empty()) step.resource_version = relist_version(false);
    const bool exact = step.resource_version && *step.resource_version != "0";
    if (paging_ && !exact) step.limit = options_.page_size;
    return step;
  }
  step.server_timeout = std::chrono::seconds(300 + static_cast<int>(chance % 301));
  if (state_ == WatchState::kWatchListing) {
    step.resource_version = relist_version(true);
    step.not_older_than = true;
  } else {
    step.resource_version = resource_version_;
  }
  return step;
}

void WatchMachine::on_page(std::string continue_token) {
  continue_token_ = std::move(continue_token);
  delay_ = Duration(0);
}

// A whole state has been seen: what was remembered about failed tries is void.
void WatchMachine::settle(std::string resource_version) {
  resource_version_ = std::move(resource_version);
  state_ = WatchState::kWatching;
  continue_token_.clear();
  paging_ = true;
  most_recent_ = false;
  watch_list_this_round_ = true;
  failures_in_a_row_ = 0;
  silent_for_ = Duration(0);
  delay_ = Duration(0);
}

void WatchMachine::on_listed(std::string resource_version) { settle(std::move(resource_version)); }

void WatchMachine::on_initial_events_end(std::string resource_version) {
  settle(std::move(resource_version));
  progress_ = heard_ = true;
}

void WatchMachine::on_progress(std::string resource_version) {
  move_to(std::move(resource_version));
  progress_ = heard_ = true;
  failures_in_a_row_ = 0;
}

void WatchMachine::on_bookmark(std::string resource_version) {
  move_to(std::move(resource_version));
  heard_ = true;
  failures_in_a_row_ = 0;
}

// A change or bookmark that does not say where the stream stands leaves it where it stood.
void WatchMachine::move_to(std::string resource_version) {
  if (!resource_version.empty()) resource_version_ = std::move(resource_version);
}

void WatchMachine::relist() {
  const bool watch_list = options_.watch_list && watch_list_known_ && watch_list_this_round_;
  state_ = watch_list ? WatchState::kWatchListing : WatchState::kListing;
  continue_token_.clear();
  failures_in_a_row_ = 0;
  silent_for_ = Duration(0);
}

void WatchMachine::on_went_back(TimePoint now, std::uint64_t chance) {
  progress_ = heard_ = false;
  most_recent_ = true;
  delay_ = backoff_.next(now, chance);
  relist();
}

void WatchMachine::back_off(const Status& status, TimePoint now, std::uint64_t chance) {
  delay_ = backoff_.next(now, chance);
  if (status.retry_after()) delay_ = std::max<Duration>(delay_, *status.retry_after());
}

void WatchMachine::ask_for_most_recent(const Status& status, TimePoint now, std::uint64_t chance) {
  if (most_recent_) {
    back_off(status, now, chance);
  } else {
    most_recent_ = true;
    delay_ = Duration(0);
  }
}

void WatchMachine::on_list_failed(const Status& status, TimePoint now, std::uint64_t chance) {
  const bool token_expired = !continue_token_.empty() && status.code() == Code::kGone;
  continue_token_.clear();
  if (token_expired) {
    paging_ = false;
    most_recent_ = true;
    delay_ = Duration(0);
  } else if (is_version_unavailable(status)) {
    ask_for_most_recent(status, now, chance);
  } else {
    back_off(status, now, chance);
  }
}

void WatchMachine::on_watch_list_ended(const Status& status, TimePoint now, std::uint64_t chance) {
  if (is_version_unavailable(status)) return ask_for_most_recent(status, now, chance);
  if (is_busy(status)) return back_off(status, now, chance);
  if (is_plain_end(status) && ++failures_in_a_row_ < kRetriesInARow) {
    return back_off(status, now, chance);
  }
  if (is_refusal_for_good(status)) watch_list_known_ = false;
  watch_list_this_round_ = false;
  delay_ = Duration(0);
  relist();
}

void WatchMachine::on_watch_ended(const Status& status, Duration lived, TimePoint now,
                                  std::uint64_t chance) {
  const bool useful = std::exchange(progress_, false) || lived >= kShortWatch;
  const bool silent = !std::exchange(heard_, false);
  if (state_ == WatchState::kWatchListing) return on_watch_list_ended(status, now, chance);
  if (is_plain_end(status) && useful) {
    delay_ = Duration(0);
    // It may be that the version it began at is yet to come.
    silent_for_ = silent ? silent_for_ + lived : Duration(0);
    if (silent_for_ >= kNothingHeard) relist();
    return;
  }
  back_off(status, now, chance);
  if (is_plain_end(status) || is_busy(status)) return;
  const bool may_pass = status.code() == Code::kInternal || status.code() == Code::kMalformed;
  if (may_pass && ++failures_in_a_row_ < kRetriesInARow) return;
  relist();
}

}  // namespace k8s
