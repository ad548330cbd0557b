#include "libk8s/leader/elector.hpp"

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/base/log.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/codec/resource_version.hpp"
#include "libk8s/leader/lease_json.hpp"
#include "libk8s/request/request.hpp"

namespace k8s {

Elector::Elector(Loop& loop, Client& client, ElectionConfig config, Callbacks callbacks)
    : loop_(loop),
      client_(client),
      config_(std::move(config)),
      callbacks_(std::move(callbacks)),
      object_(std::make_unique<nlohmann::json>()) {
  assert(check(config_).is_ok());
}

Elector::~Elector() {
  for (const TimerId timer : {round_timer_, term_timer_, try_timer_}) loop_.cancel(timer);
  client_.cancel(call_);
}

bool Elector::leading() const { return role_ == Role::kLeading; }

bool Elector::may_write() const { return leading() && loop_.now() < term_end_; }

std::string Elector::holder() const { return seen_.record ? seen_.record->holder : ""; }

void Elector::start() {
  if (role_ != Role::kIdle) return;
  role_ = Role::kCampaigning;
  again(Duration(0));
}

void Elector::again(Duration delay) {
  loop_.cancel(round_timer_);
  round_timer_ = loop_.after(delay, [this] {
    round_timer_ = TimerId::kNone;
    round();
  });
}

// One try: a leader whose last write is the newest state it knows writes straight away, everybody
// else reads first.
void Elector::round() {
  // A callback may have stopped us, and only one call is under way at a time.
  if (role_ == Role::kIdle || call_ != Client::CallId::kNone) return;
  if (role_ == Role::kReleasing) return fresh_ ? write_release() : read_lease();
  if (fresh_) return act();
  read_lease();
}

// A call with an end: without an answer in time it counts as lost.
void Elector::call(http::Request request, Answer done) {
  const auto shared = std::make_shared<Answer>(std::move(done));
  request.timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(config_.renew_deadline) / 2;
  try_timer_ = loop_.after(config_.renew_deadline / 2, [this, shared] {
    try_timer_ = TimerId::kNone;
    client_.cancel(std::exchange(call_, Client::CallId::kNone));
    (*shared)(Status(Code::kUnknownOutcome, "no answer about the lease in time"));
  });
  call_ = client_.call(std::move(request), [this, shared](Result<nlohmann::json> answer) {
    call_ = Client::CallId::kNone;
    loop_.cancel(std::exchange(try_timer_, TimerId::kNone));
    (*shared)(std::move(answer));
  });
}

void Elector::read_lease() {
  call(request::get(resources::leases(), config_.ns, config_.name),
       [this](const Result<nlohmann::json>& lease) { on_read(lease); });
}

void Elector::on_read(const Result<nlohmann::json>& lease) {
  if (lease) {
    const bool lost_past = leading() && is_older(*lease);
    observe(*lease);
    // A follower does no more than read; what failed before is over. A leader must write for that.
    if (!leading()) last_error_ = Status::ok();
    if (lost_past) {
      lose("the server went back to an older lease");
      return again(campaign_pause());
    }
  } else if (lease.status().code() == Code::kNotFound) {
    *object_ = nullptr;
    seen_.observe(std::nullopt, "", loop_.now());
  } else {
    failed(lease.status());
    if (role_ == Role::kReleasing) return released_or_not();
    return again(leading() ? config_.retry_period : campaign_pause());
  }
  if (role_ == Role::kReleasing) return write_release();
  act();
}

// Told to a person when it is something new. That another was quicker is no failure.
void Elector::failed(const Status& status) {
  const bool race = status.code() == Code::kConflict || status.code() == Code::kAlreadyExists;
  if (!race && status.to_string() != last_error_.to_string())
    log::warn("no access to the lease, trying again",
              {{"lease", config_.ns + "/" + config_.name}, {"why", status.to_string()}});
  last_error_ = status;
}

bool Elector::is_older(const nlohmann::json& lease) const {
  const auto order =
      compare_versions(string_at(object_at(lease, "metadata"), "resourceVersion"), seen_.version);
  return order && *order < 0;
}

void Elector::observe(const nlohmann::json& lease) {
  *object_ = lease;
  seen_.observe(lease_record(lease), string_at(object_at(lease, "metadata"), "resourceVersion"),
                loop_.now());
  const std::string& holder = seen_.record->holder;
  if (holder == told_holder_) return;
  told_holder_ = holder;
  if (callbacks_.on_holder) callbacks_.on_holder(holder);
}

void Elector::act() {
  const Move move = decide(seen_, config_, leading(), loop_.now(), loop_.wall_now());
  switch (move.kind) {
    case Move::Kind::kWait:
      return again(campaign_pause());
    case Move::Kind::kLost:
      lose("the lease is gone or names another holder");
      return again(campaign_pause());
    case Move::Kind::kCreate:
    case Move::Kind::kTake:
    case Move::Kind::kRenew:
      return write(move);
  }
}

void Elector::write(const Move& wanted) {
  fresh_ = false;
  Move move = wanted;
  // A Lease that was restored from a copy may not know of the terms that we had.
  if (move.kind != Move::Kind::kRenew)
    move.record.transitions = std::max(move.record.transitions, epoch_ + 1);
  const TimePoint sent = loop_.now();
  const nlohmann::json body = lease_object(*object_, config_, move.record);
  http::Request request =
      move.kind == Move::Kind::kCreate
          ? request::create(resources::leases(), config_.ns, body)
          : request::replace(resources::leases(), config_.ns, config_.name, "", body);
  call(std::move(request),
       [this, move, sent](const Result<nlohmann::json>& lease) { on_written(move, sent, lease); });
}

void Elector::on_written(const Move& move, TimePoint sent, const Result<nlohmann::json>& lease) {
  if (role_ == Role::kReleasing) return release();  // the lease may be ours by now: look
  if (!lease) {
    failed(lease.status());
    // A conflict says that the record is another one now: read it at once. What else went wrong
    // may pass.
    const bool reread = last_error_.code() == Code::kConflict ||
                        last_error_.code() == Code::kAlreadyExists ||
                        last_error_.code() == Code::kNotFound;
    if (reread && leading()) return again(Duration(0));
    return again(leading() ? config_.retry_period : campaign_pause());
  }
  observe(*lease);
  if (move.kind == Move::Kind::kRenew) {
    renewed(sent);
  } else {
    won(sent);
  }
}

void Elector::won(TimePoint sent) {
  // An answer that took longer than the term it gives is worth nothing.
  if (loop_.now() >= k8s::term_end(sent, config_)) return again(Duration(0));
  role_ = Role::kLeading;
  epoch_ = seen_.record->transitions;
  log::info("elected leader", {{"lease", config_.name}, {"epoch", std::to_string(epoch_)}});
  renewed(sent);
  if (callbacks_.on_elected) callbacks_.on_elected();
}

void Elector::renewed(TimePoint sent) {
  if (!leading()) return again(campaign_pause());  // lost while the answer was on its way
  fresh_ = true;
  last_error_ = Status::ok();
  term_end_ = k8s::term_end(sent, config_);
  arm_term_timer();
  again(config_.retry_period);
}

void Elector::arm_term_timer() {
  loop_.cancel(term_timer_);
  term_timer_ = loop_.after(term_end_ - loop_.now(), [this] {
    term_timer_ = TimerId::kNone;
    if (leading() && loop_.now() >= term_end_) lose("the lease could not be renewed in time");
  });
}

void Elector::lose(const char* why) {
  role_ = Role::kCampaigning;
  fresh_ = false;
  loop_.cancel(std::exchange(term_timer_, TimerId::kNone));
  log::warn("no longer leader", {{"lease", config_.name}, {"why", why}});
  if (callbacks_.on_lost) callbacks_.on_lost();
}

// While campaigning, candidates spread out over 1 to 2.2 retry periods.
Duration Elector::campaign_pause() {
  const auto chance = static_cast<std::int64_t>(loop_.random() % 1024);
  return config_.retry_period + config_.retry_period * 12 * chance / 10240;
}

void Elector::stop(std::function<void()> done) {
  if (role_ == Role::kReleasing) {
    released_ = [first = std::move(released_), second = std::move(done)] {
      if (first) first();
      if (second) second();
    };
    return;
  }
  const bool may_hold = leading() || call_ != Client::CallId::kNone;
  loop_.cancel(std::exchange(round_timer_, TimerId::kNone));
  loop_.cancel(std::exchange(term_timer_, TimerId::kNone));
  role_ = may_hold ? Role::kReleasing : Role::kIdle;
  released_ = std::move(done);
  release_until_ = loop_.now() + config_.lease_duration;
  if (!may_hold) return released_or_not();
  // An answer that is on its way comes first; it leads to `release`.
  if (call_ == Client::CallId::kNone) release();
}

// Gives the lease back: writes at once when its newest state is known, else reads first.
void Elector::release() {
  if (loop_.now() >= release_until_) {
    role_ = Role::kIdle;
    return released_or_not();
  }
  round();
}

void Elector::write_release() {
  const bool ours = seen_.record && seen_.record->holder == config_.identity;
  fresh_ = false;
  if (!ours) {
    role_ = Role::kIdle;
    return released_or_not();
  }
  const nlohmann::json body =
      lease_object(*object_, config_, released(*seen_.record, loop_.wall_now()));
  call(request::replace(resources::leases(), config_.ns, config_.name, "", body),
       [this](const Result<nlohmann::json>& lease) {
         if (lease) {
           observe(*lease);
           role_ = Role::kIdle;
         } else {
           last_error_ = lease.status();
         }
         released_or_not();
       });
}

// The end of a `stop`, or another try at giving the lease back.
void Elector::released_or_not() {
  if (role_ == Role::kReleasing && loop_.now() < release_until_) {
    return again(config_.retry_period / 10);
  }
  role_ = Role::kIdle;
  if (!released_) return;
  loop_.after(Duration(0), std::exchange(released_, nullptr));
}

}  // namespace k8s
