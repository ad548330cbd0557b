#include "libk8s/watch/watcher.hpp"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/base/log.hpp"
#include "libk8s/codec/identity.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/codec/resource_version.hpp"

namespace k8s {
namespace {

constexpr std::size_t kErrorBodyLimit = 64 * 1024;

// An ERROR event's Status. A server that sends an error we cannot read has still refused.
Status error_of(std::string_view status_object) {
  const Result<nlohmann::json> parsed = parse_json(status_object);
  if (!parsed) return Status(Code::kInternal, "the watch sent an ERROR event that is no Status");
  Status status = to_status(*parsed);
  if (status.is_ok()) return Status(Code::kInternal, "the watch sent an ERROR event without one");
  return status;
}

void tell_change(const Resource& resource, const Status& before, const Status& now) {
  if (before.to_string() == now.to_string()) return;
  log::warn("cannot watch, trying again",
            {{"resource", resource.plural}, {"why", now.to_string()}});
}

}  // namespace

// Handlers hold it, so that the readers outlive a `stop` from within one of their callbacks.
struct Watcher::Attempt {
  WatchMachine::Step step;
  bool live = true;
  http::ExchangeId exchange = http::ExchangeId::kNone;
  TimerId silence_timer = TimerId::kNone;
  TimerId limit_timer = TimerId::kNone;
  TimePoint started;
  TimePoint heard;  // when anything came last
  // Of the answer:
  bool refused = false;  // HTTP status other than 200: the body is an error
  http::Response error;
  std::unique_ptr<ListStream> list;
  std::unique_ptr<WatchStream> watch;
  Status event_error;      // an ERROR event ended the stream
  std::string began_at;    // the version after which all that comes must be
  bool went_back = false;  // something older came
};

Watcher::Watcher(Loop& loop, http::Transport& transport, WatcherOptions options, WatchSink& sink)
    : loop_(loop),
      transport_(transport),
      options_(std::move(options)),
      sink_(sink),
      machine_(options_.machine) {}

Watcher::~Watcher() { stop(); }

void Watcher::start() {
  if (running_) return;
  running_ = true;
  schedule();
}

void Watcher::stop() {
  running_ = false;
  loop_.cancel(std::exchange(next_timer_, TimerId::kNone));
  if (const AttemptPtr attempt = std::exchange(attempt_, nullptr)) {
    transport_.cancel(attempt->exchange);
    close(*attempt);
    // A list that was cut off begins anew at the next `start`.
    const bool paging = attempt->step.state == WatchState::kListing;
    if (paging) machine_.on_page("");
  }
}

void Watcher::schedule() {
  if (!running_) return;
  const Duration delay = machine_.next(0).delay;
  next_timer_ = loop_.after(delay, [this] { begin(); });
}

http::Request Watcher::make_request(const WatchMachine::Step& step) const {
  if (step.state == WatchState::kListing) {
    ListOptions list;
    list.label_selector = options_.label_selector;
    list.field_selector = options_.field_selector;
    list.resource_version = step.resource_version;
    list.limit = step.limit;
    list.continue_token = step.continue_token;
    list.protobuf = options_.protobuf;
    http::Request made = request::list(options_.resource, options_.ns, list);
    made.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(kListLimit);
    made.silence = std::chrono::duration_cast<std::chrono::milliseconds>(kListSilence);
    return made;
  }
  WatchOptions watch;
  watch.label_selector = options_.label_selector;
  watch.field_selector = options_.field_selector;
  watch.resource_version = step.resource_version;
  watch.timeout = step.server_timeout;
  watch.send_initial_events = step.state == WatchState::kWatchListing;
  watch.protobuf = options_.protobuf;
  http::Request made = request::watch(options_.resource, options_.ns, watch);
  made.timeout = std::chrono::milliseconds(0);
  made.silence = std::chrono::duration_cast<std::chrono::milliseconds>(kWatchSilence);
  made.body_limit = std::numeric_limits<std::size_t>::max();
  return made;
}

void Watcher::begin() {
  next_timer_ = TimerId::kNone;
  auto attempt = std::make_shared<Attempt>();
  attempt->step = machine_.next(loop_.random());
  attempt->started = attempt->heard = loop_.now();
  if (attempt->step.state == WatchState::kWatching) attempt->began_at = machine_.resource_version();
  attempt_ = attempt;
  const bool whole_state =
      attempt->step.state != WatchState::kWatching && attempt->step.continue_token.empty();
  if (whole_state) sink_.begin();

  http::Handler handler;
  handler.on_head = [this, attempt](int status, const http::Headers& headers) {
    if (attempt->live) on_head(attempt, status, headers);
  };
  handler.on_data = [this, attempt](std::string_view bytes) {
    if (attempt->live) on_data(attempt, bytes);
  };
  handler.on_end = [this, attempt](const Status& status) {
    if (attempt->live) on_end(attempt, status);
  };
  attempt->exchange = transport_.start(make_request(attempt->step), std::move(handler));
  if (attempt->step.state == WatchState::kListing) {
    guard(attempt, kListSilence, kListLimit);
  } else {
    guard(attempt, kWatchSilence, attempt->step.server_timeout + kWatchGrace);
  }
}

void Watcher::guard(const AttemptPtr& attempt, Duration silence, Duration limit) {
  attempt->limit_timer = loop_.after(limit, [this, attempt] {
    if (attempt->live) give_up(attempt, "the server did not end its answer in time");
  });
  check_silence(attempt, silence);
}

// One timer a stream, not one a chunk: it looks how long ago something came, and sleeps the rest.
void Watcher::check_silence(const AttemptPtr& attempt, Duration silence) {
  const Duration quiet = loop_.now() - attempt->heard;
  if (quiet >= silence) return give_up(attempt, "nothing came from the server for too long");
  attempt->silence_timer = loop_.after(silence - quiet, [this, attempt, silence] {
    if (attempt->live) check_silence(attempt, silence);
  });
}

void Watcher::give_up(const AttemptPtr& attempt, std::string why) {
  transport_.cancel(attempt->exchange);
  conclude(attempt, Status(Code::kUnknownOutcome, std::move(why)));
}

void Watcher::on_head(const AttemptPtr& attempt, int status, const http::Headers& headers) {
  attempt->heard = loop_.now();
  if (status != 200) {
    attempt->refused = true;
    attempt->error.status = status;
    attempt->error.headers = headers;
    return;
  }
  const Encoding encoding = encoding_of(headers.get("content-type"));
  if (attempt->step.state == WatchState::kListing) {
    attempt->list = std::make_unique<ListStream>(encoding);
  } else {
    attempt->watch = std::make_unique<WatchStream>(encoding);
  }
}

void Watcher::on_data(const AttemptPtr& attempt, std::string_view bytes) {
  attempt->heard = loop_.now();
  if (attempt->refused) {
    const std::size_t room = kErrorBodyLimit - attempt->error.body.size();
    attempt->error.body += bytes.substr(0, room);
    return;
  }
  Status status;
  if (attempt->list) {
    status = attempt->list->feed(
        bytes, [&](std::string_view object) { return on_item(*attempt, object); });
  } else if (attempt->watch) {
    status = attempt->watch->feed(
        bytes, [&](const WatchEvent& event) { return on_event(*attempt, event); });
  }
  if (!attempt->live || status.is_ok()) return;
  transport_.cancel(attempt->exchange);
  conclude(attempt, attempt->event_error.is_ok() ? status : attempt->event_error);
}

void Watcher::on_end(const AttemptPtr& attempt, const Status& status) {
  const Status finished = finish(*attempt, status);
  if (attempt->live) conclude(attempt, finished);
}

// What the end of the exchange means for the request as a whole.
Status Watcher::finish(Attempt& attempt, const Status& status) {
  if (!status.is_ok()) return status;
  if (attempt.refused) {
    Status refusal = to_status(attempt.error);
    // A 2xx that is not 200 is no answer to a list or watch.
    return refusal.is_ok() ? Status(Code::kMalformed, "unexpected HTTP status") : refusal;
  }
  if (attempt.list) return attempt.list->finish();
  // A watch that breaks off inside an event is a cut like any other: the event comes again.
  if (attempt.watch && !attempt.watch->finish().is_ok()) {
    return Status(Code::kUnknownOutcome, "the watch ended inside an event");
  }
  return attempt.watch ? Status::ok() : Status(Code::kUnknownOutcome, "an answer without a head");
}

bool Watcher::read_object(Encoding encoding, std::string_view bytes, std::string& version) {
  Result<std::string> read = sink_.read(encoding, bytes);
  if (read) {
    version = std::move(*read);
    return true;
  }
  ++skipped_;
  last_error_ = read.status();
  log::warn("an object could not be read and is left out",
            {{"resource", options_.resource.plural}, {"error", last_error_.to_string()}});
  return false;
}

Status Watcher::on_item(Attempt& attempt, std::string_view object) {
  std::string version;
  if (read_object(attempt.list->encoding(), object, version)) {
    sink_.stage(WatchEventType::kAdded);
    return Status::ok();
  }
  const auto identity = identity_of(attempt.list->encoding(), object);
  if (!identity) return identity.status();
  sink_.stage_unread(WatchEventType::kAdded, identity->key());
  return Status::ok();
}

Status Watcher::on_event(Attempt& attempt, const WatchEvent& event) {
  switch (event.type) {
    case WatchEventType::kError:
      attempt.event_error = error_of(event.object);
      return attempt.event_error;
    case WatchEventType::kBookmark:
      if (Status status = on_bookmark(attempt, event); !status) return status;
      break;
    case WatchEventType::kAdded:
    case WatchEventType::kModified:
    case WatchEventType::kDeleted:
      if (Status status = on_change(attempt, event); !status) return status;
      break;
    case WatchEventType::kUnknown:
      break;
  }
  return attempt.live ? Status::ok() : Status(Code::kCancelled, "stopped");
}

Status Watcher::on_change(Attempt& attempt, const WatchEvent& event) {
  std::string version;
  if (!read_object(attempt.watch->encoding(), event.object, version)) {
    return on_unread_change(attempt, event);
  }
  if (machine_.state() == WatchState::kWatchListing) {
    sink_.stage(event.type);
  } else if (!is_older(version)) {
    machine_.on_progress(std::move(version));
    sink_.apply(event.type);
  } else {
    return check_order(attempt, version);
  }
  return Status::ok();
}

// Older than where the stream stands: doubled. Older than where it began: the server has lost its
// past, and what it says fits nothing that is known of it.
Status Watcher::check_order(Attempt& attempt, std::string_view version) {
  const auto order = compare_versions(version, attempt.began_at);
  if (!order || *order >= 0) return Status::ok();
  attempt.went_back = true;
  return {Code::kGone, "the server went back to resourceVersion " + std::string(version) +
                           ", before " + attempt.began_at};
}

Status Watcher::on_unread_change(Attempt& attempt, const WatchEvent& event) {
  const auto identity = identity_of(attempt.watch->encoding(), event.object);
  if (machine_.state() == WatchState::kWatchListing) {
    if (!identity) return identity.status();
    sink_.stage_unread(event.type, identity->key());
  } else if (identity && !is_older(identity->resource_version)) {
    sink_.apply_unread(event.type, identity->key());
  }
  return Status::ok();
}

// A stream is ordered: what is older than where it stands was delivered before, and to apply it
// again could bring a deleted object back.
bool Watcher::is_older(std::string_view version) const {
  const auto order = compare_versions(version, machine_.resource_version());
  return order && *order < 0;
}

Status Watcher::on_bookmark(Attempt& attempt, const WatchEvent& event) {
  if (machine_.state() != WatchState::kWatchListing) {
    if (is_older(event.resource_version)) return check_order(attempt, event.resource_version);
    machine_.on_bookmark(std::string(event.resource_version));
    return Status::ok();
  }
  if (!event.initial_events_end) return Status::ok();
  const bool older = is_older(event.resource_version);
  machine_.on_initial_events_end(std::string(event.resource_version));
  attempt.step.state = WatchState::kWatching;
  attempt.began_at = machine_.resource_version();
  last_error_ = Status::ok();
  sink_.commit();
  tell_past_lost(older);
  return Status::ok();
}

// The exchange is over: the machine says what follows.
void Watcher::conclude(const AttemptPtr& attempt, const Status& status) {
  close(*attempt);
  attempt_.reset();
  if (!status.is_ok()) {
    // A stream that is cut, and a past that is gone, are everyday life. What keeps us from seeing
    // anything at all (no such right, no such server) is for a person, once.
    const bool everyday = attempt->watch != nullptr || status.code() == Code::kGone;
    if (!everyday) tell_change(options_.resource, last_error_, status);
    last_error_ = status;
  }
  if (attempt->step.state == WatchState::kListing) {
    on_list_ended(*attempt, status);
  } else {
    const TimePoint now = loop_.now();
    if (attempt->went_back) {
      machine_.on_went_back(now, loop_.random());
      past_lost_ = true;
      sink_.went_back();
    } else {
      machine_.on_watch_ended(status, now - attempt->started, now, loop_.random());
    }
  }
  if (running_ && next_timer_ == TimerId::kNone && !attempt_) schedule();
}

void Watcher::on_list_ended(Attempt& attempt, const Status& status) {
  if (!status.is_ok()) return machine_.on_list_failed(status, loop_.now(), loop_.random());
  const ListMeta& meta = attempt.list->meta();
  if (meta.resource_version.empty()) {
    const Status bad(Code::kMalformed, "the list has no resourceVersion");
    last_error_ = bad;
    return machine_.on_list_failed(bad, loop_.now(), loop_.random());
  }
  if (!meta.continue_token.empty()) return machine_.on_page(meta.continue_token);
  const bool older = is_older(meta.resource_version);
  machine_.on_listed(meta.resource_version);
  last_error_ = Status::ok();
  sink_.commit();
  tell_past_lost(older);
}

// Once: an event may have told it before the list does.
void Watcher::tell_past_lost(bool older) {
  const bool told = std::exchange(past_lost_, false);
  if (older && !told) sink_.went_back();
}

void Watcher::close(Attempt& attempt) {
  attempt.live = false;
  loop_.cancel(attempt.silence_timer);
  loop_.cancel(attempt.limit_timer);
}

}  // namespace k8s
