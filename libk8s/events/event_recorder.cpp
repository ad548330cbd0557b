#include "libk8s/events/event_recorder.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/base/log.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/events/event_json.hpp"
#include "libk8s/request/request.hpp"

namespace k8s {
namespace {

// May be sent again: it did not arrive, or the server is busy. A create that did arrive after all
// answers the next try with AlreadyExists, and a patch of a series may be sent twice.
bool may_pass(const Status& status) {
  switch (status.code()) {
    case Code::kUnavailable:
    case Code::kUnknownOutcome:
    case Code::kTooManyRequests:
    case Code::kUnauthorized:
      return true;
    default:
      return false;
  }
}

}  // namespace

// One write that waits: the Event as it is to be created, and whether a patch of it will do.
struct EventRecorder::Item {
  explicit Item(const std::string& event_key)
      : ns(event_key.substr(0, event_key.find('/'))),
        name(event_key.substr(event_key.find('/') + 1)) {}
  std::string ns, name;
  nlohmann::json object;  // null when only a patch makes sense (the note is no longer known)
  nlohmann::json patch;   // null: create
  int tries = 0;
};

EventRecorder::EventRecorder(Loop& loop, Client& client, Options options)
    : loop_(loop), client_(client), options_(std::move(options)) {}

EventRecorder::~EventRecorder() {
  loop_.cancel(send_timer_);
  loop_.cancel(sweep_timer_);
  client_.cancel(call_);
}

void EventRecorder::record(const EventNote& note) {
  const TimePoint now = loop_.now();
  const WallTime wall = loop_.wall_now();
  const std::string about = note.regarding.ns + "/" + note.regarding.kind + "/" +
                            note.regarding.name + "/" + note.regarding.uid;
  if (!filter_.allow(about, now)) {
    ++muted_;
    return;
  }
  const std::string fresh_key =
      event_namespace(note.regarding) + "/" + event_name(note.regarding.name, loop_.random());
  const EventSeries::Observed observed =
      series_.observe(series_key(note, options_), fresh_key, now, wall);
  arm_sweep();
  if (observed.write == EventSeries::Write::kNothing) return;
  auto item = std::make_unique<Item>(observed.due.event_key);
  item->object = event_object(note, options_, item->name, wall);
  if (observed.write == EventSeries::Write::kPatch) {
    item->patch = series_patch(observed.due.count, observed.due.last);
    item->object.update(item->patch);
  }
  enqueue(std::move(item));
}

void EventRecorder::enqueue(std::unique_ptr<Item> item) {
  if (queue_.size() >= options_.queue_limit) {
    ++dropped_;
    return;
  }
  queue_.push_back(std::move(item));
  if (!sending_) {
    sending_ = true;
    send_timer_ = loop_.after(Duration(0), [this] { send(); });
  }
}

void EventRecorder::send() {
  send_timer_ = TimerId::kNone;
  if (options_.may_write && !options_.may_write()) {
    dropped_ += queue_.size();
    queue_.clear();
    return finish();
  }
  Item& item = *queue_.front();
  ++item.tries;
  http::Request request = item.patch.is_null()
                              ? request::create(resources::events(), item.ns, item.object)
                              : request::patch(resources::events(), item.ns, item.name, "",
                                               PatchType::kMerge, item.patch);
  call_ = client_.call(std::move(request), [this](const Result<nlohmann::json>& answer) {
    call_ = Client::CallId::kNone;
    on_sent(answer.status());
  });
}

void EventRecorder::on_sent(const Status& status) {
  Item& item = *queue_.front();
  if (may_pass(status) && item.tries < kTries) {
    const auto chance = static_cast<std::int64_t>(loop_.random() % 1024);
    Duration pause = kPause + kPause * chance / 10240;  // up to a tenth more
    if (status.retry_after()) pause = std::max<Duration>(pause, *status.retry_after());
    send_timer_ = loop_.after(pause, [this] { send(); });
    return;
  }
  // The Event that a series began with has expired on the server: create it anew.
  const bool expired = status.code() == Code::kNotFound && !item.patch.is_null();
  if (expired && item.object.is_object() && item.tries < kTries) {
    item.patch = nullptr;
    return send();
  }
  if (status.is_ok() || status.code() == Code::kAlreadyExists) {
    ++sent_;
  } else {
    ++dropped_;
    log::debug("an event was refused", {{"event", item.name}, {"error", status.to_string()}});
  }
  queue_.pop_front();
  finish();
}

void EventRecorder::finish() {
  sending_ = !queue_.empty();
  if (sending_) send_timer_ = loop_.after(Duration(0), [this] { send(); });
}

// There is a timer only while there is something to remember.
void EventRecorder::arm_sweep() {
  if (sweep_timer_ != TimerId::kNone) return;
  if (series_.size() == 0 && filter_.size() == 0) return;
  sweep_timer_ = loop_.after(EventSeries::kFinish, [this] {
    sweep_timer_ = TimerId::kNone;
    sweep();
  });
}

void EventRecorder::sweep() {
  filter_.sweep(loop_.now());
  for (const EventSeries::Due& due : series_.sweep(loop_.now())) {
    auto item = std::make_unique<Item>(due.event_key);
    item->patch = series_patch(due.count, due.last);
    enqueue(std::move(item));
  }
  arm_sweep();
}

}  // namespace k8s
