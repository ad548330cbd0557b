#include "libk8s/apiserver/core/watch.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/core/reader.hpp"
#include "libk8s/apiserver/protobuf/protobuf.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

// One `take` gives about this much; the reader is woken for the rest.
constexpr std::size_t kMaxTake = std::size_t{1} << 20;
constexpr std::chrono::seconds kMinTimeout{1800};
constexpr std::chrono::seconds kBeforeDeadline{2};  // room for a last bookmark

// How long the watch may last: what the client says, else between 30 and 60 minutes.
Outcome<Duration> watch_timeout(const Core& core, const Query& query) {
  constexpr std::int64_t kLongest = 24LL * 3600;
  auto seconds = query.number("timeoutSeconds");
  if (!seconds) return seconds.error();
  const std::int64_t given = (*seconds).value_or(0);
  if (given > 0) return Duration(std::chrono::seconds(std::min(given, kLongest)));
  const auto spread = static_cast<std::int64_t>(core.options.random() % 1800);
  return Duration(kMinTimeout + std::chrono::seconds(spread));
}

// The rules of ?sendInitialEvents; true when initial events end with a marked bookmark.
Outcome<bool> wants_marked_initial(const Query& query) {
  if (!query.has("sendInitialEvents")) {
    if (!query.get("resourceVersionMatch").empty()) {
      return invalid_options("ListOptions",
                             {"FieldValueForbidden",
                              "Forbidden: resourceVersionMatch is forbidden for watch unless "
                              "sendInitialEvents is provided",
                              "resourceVersionMatch"});
    }
    return false;
  }
  if (query.get("resourceVersionMatch") != "NotOlderThan") {
    return invalid_options("ListOptions", {"FieldValueForbidden",
                                           "Forbidden: sendInitialEvents requires setting "
                                           "resourceVersionMatch to NotOlderThan",
                                           "resourceVersionMatch"});
  }
  return query.flag("sendInitialEvents") && query.flag("allowWatchBookmarks");
}

std::deque<ObjectPtr> current_matches(const Core& core, const ResourceType& type,
                                      const Filter& filter) {
  std::deque<ObjectPtr> found;
  const Objects& objects = core.store->all(type.storage);
  for (auto at = objects.lower_bound({filter.ns, ""}); at != objects.end(); ++at) {
    if (!filter.ns.empty() && at->first.first != filter.ns) break;
    if (filter.matches(type, at->second)) found.push_back(at->second);
  }
  return found;
}

// Decides where the watch begins. An error here is an HTTP error; history that is too short is
// not: that is told inside the stream.
Outcome<Watch::Setup> set_up(const Core& core, const Call& call) {
  const Query& query = call.target.query;
  Watch::Setup setup;
  setup.type = call.type;
  setup.media = call.media;
  auto filter = Filter::from(call);
  if (!filter) return filter.error();
  setup.filter = std::move(filter).take();
  if (!call.target.name.empty()) {
    auto by_name = FieldSelector::parse("metadata.name=" + call.target.name);
    if (by_name) setup.filter.fields = std::move(by_name).value();
  }
  auto include = table::parse_include(query.get("includeObject"));
  if (!include) return from_status(include.status());
  setup.include = *include;
  auto marked = wants_marked_initial(query);
  if (!marked) return marked.error();
  auto version = parse_version(query.get("resourceVersion"));
  if (!version) return version.error();
  auto timeout = watch_timeout(core, query);
  if (!timeout) return timeout.error();
  setup.deadline = core.options.now() + *timeout;
  setup.bookmarks = query.flag("allowWatchBookmarks");
  setup.mark_initial_end = *marked;

  const std::uint64_t wanted = (*version).value_or(0);
  const bool asked = query.has("sendInitialEvents");
  const bool initial = asked ? query.flag("sendInitialEvents") : wanted == 0;
  if (initial && wanted > core.store->revision()) setup.await = wanted;
  // sendInitialEvents=false without a resourceVersion starts at the most recent state.
  setup.from = initial || wanted == 0 ? core.store->revision() : wanted;
  if (initial && setup.await == 0) setup.initial = current_matches(core, *call.type, setup.filter);
  return setup;
}

}  // namespace

Reply start_watch(Core& core, const Call& call) {
  auto setup = set_up(core, call);
  if (!setup) return error_reply(setup.error());
  auto watch = std::make_shared<Watch>(core, std::move(setup).take());
  core.store->listen(call.type->storage, watch);
  std::erase_if(core.watches, [](const auto& weak) { return weak.expired(); });
  core.watches.push_back(watch);
  Reply reply;
  reply.response.status = 200;
  reply.response.headers.set("Content-Type", call.media.protobuf
                                                 ? std::string(protobuf::kWatchContentType)
                                                 : "application/json");
  add_warnings(reply.response, call.warnings);
  reply.stream = std::move(watch);
  return reply;
}

Watch::Watch(const Core& core, Setup setup)
    : core_(core),
      setup_(std::move(setup)),
      cursor_(setup_.from),
      await_until_(core.options.now() + kLongestWait) {
  set_next_bookmark(core_.options.now());
}

std::string Watch::take() {
  std::string out;
  if (ended_) return out;
  // 410 is told in the stream, never as an HTTP status.
  if (!error_ && cursor_ < core_.store->floor(setup_.type->storage)) error_ = gone();
  if (!error_ && await_version() && (!take_initial(out) || !take_events(out))) {
    wake();
    return out;
  }
  take_end(out);
  return out;
}

// Whether the store has come to the version that initial events wait for; collects them then.
bool Watch::await_version() {
  if (setup_.await == 0) return true;
  if (core_.store->revision() < setup_.await) return false;
  setup_.await = 0;
  setup_.from = cursor_ = core_.store->revision();
  setup_.initial = current_matches(core_, *setup_.type, setup_.filter);
  return true;
}

// False: there is more to take.
bool Watch::take_initial(std::string& out) {
  while (!setup_.initial.empty()) {
    if (out.size() >= kMaxTake) return false;
    const View view(*setup_.type, setup_.initial.front());
    const std::string text = view.text();
    append(out, "ADDED", view.json(), &text);
    setup_.initial.pop_front();
  }
  if (setup_.mark_initial_end) {
    setup_.mark_initial_end = false;
    append_bookmark(out, setup_.from, true);
  }
  return true;
}

bool Watch::take_events(std::string& out) {
  while (const Event* event = core_.store->next_event(setup_.type->storage, cursor_)) {
    if (out.size() >= kMaxTake) return false;
    cursor_ = event->revision;
    const auto change = seen_through_filter(*event);
    if (!change) continue;
    const View view(*setup_.type, change->object);
    if (change->restamp) {
      nlohmann::json object = view.json();
      object["metadata"]["resourceVersion"] = std::to_string(event->revision);
      append(out, change->type, object, nullptr);
    } else {
      const std::string text = view.text();
      append(out, change->type, view.json(), &text);
    }
  }
  return true;
}

// What comes after all events: a bookmark that is due, or the end.
void Watch::take_end(std::string& out) {
  if (error_) {
    append_error(out, *error_);
    ended_ = true;
    return;
  }
  if (bookmark_due_ && setup_.await == 0) {
    bookmark_due_ = false;
    const std::uint64_t revision = core_.store->revision();
    if (revision >= cursor_) append_bookmark(out, cursor_ = revision, false);
  }
  if (finishing_) ended_ = true;
}

std::optional<Watch::Change> Watch::seen_through_filter(const Event& event) const {
  const Filter& filter = setup_.filter;
  const ResourceType& type = *setup_.type;
  const bool before = event.before && filter.matches(type, event.before);
  if (event.deletion) {
    if (!before) return std::nullopt;
    return Change{"DELETED", event.after, false};
  }
  const bool after = filter.matches(type, event.after);
  if (!before && !after) return std::nullopt;
  // Leaving the selector: the state that the watcher knows, at the revision of the change.
  if (!after) return Change{"DELETED", event.before, true};
  return Change{before ? "MODIFIED" : "ADDED", event.after, false};
}

void Watch::append(std::string& out, const char* type, const nlohmann::json& object,
                   const std::string* text) const {
  if (setup_.media.protobuf) {
    if (auto frame = protobuf::encode_watch_event(type, object)) out += *frame;
    return;
  }
  if (setup_.media.form == Form::kTable) return append_table(out, type, object);
  out += "{\"type\":\"";
  out += type;
  out += "\",\"object\":";
  if (setup_.media.form == Form::kMetadata) {
    out += json_text({{"kind", "PartialObjectMetadata"},
                      {"apiVersion", "meta.k8s.io/v1"},
                      {"metadata", object_at(object, "metadata")}});
  } else {
    out += text != nullptr ? *text : json_text(object);
  }
  out += "}\n";
}

void Watch::append_table(std::string& out, const char* type, const nlohmann::json& object) const {
  const nlohmann::json meta{
      {"resourceVersion", string_at(object_at(object, "metadata"), "resourceVersion")}};
  const nlohmann::json shown = table::table(*setup_.type->printer, {&object}, meta, setup_.include,
                                            core_.options.now(), !columns_sent_);
  columns_sent_ = true;
  out += json_text({{"type", type}, {"object", shown}}) + "\n";
}

void Watch::append_bookmark(std::string& out, std::uint64_t revision, bool initial_end) const {
  nlohmann::json meta{{"resourceVersion", std::to_string(revision)}};
  meta["creationTimestamp"] = nullptr;
  if (initial_end) meta["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  const nlohmann::json object{{"kind", setup_.type->kind},
                              {"apiVersion", setup_.type->api_version()},
                              {"metadata", std::move(meta)}};
  if (setup_.media.protobuf) {
    append(out, "BOOKMARK", object, nullptr);
  } else if (setup_.media.form == Form::kTable) {
    append_table(out, "BOOKMARK", object);
  } else {
    out += json_text({{"type", "BOOKMARK"}, {"object", object}}) + "\n";
  }
}

ApiError Watch::gone() const {
  return expired("too old resource version: " + std::to_string(cursor_) + " (" +
                 std::to_string(core_.store->floor(setup_.type->storage)) + ")");
}

void Watch::append_error(std::string& out, const ApiError& error) const {
  const nlohmann::json status = status_object(error);
  if (setup_.media.protobuf) {
    append(out, "ERROR", status, nullptr);
  } else {
    out += json_text({{"type", "ERROR"}, {"object", status}}) + "\n";
  }
}

void Watch::on_ready(std::function<void()> ready) {
  ready_ = std::move(ready);
  if (has_more()) wake();
}

bool Watch::has_more() const {
  if (ended_) return false;
  if (error_ || finishing_) return true;
  if (setup_.await > 0) return core_.store->revision() >= setup_.await;
  return bookmark_due_ || setup_.mark_initial_end || !setup_.initial.empty() ||
         cursor_ < core_.store->floor(setup_.type->storage) ||
         core_.store->next_event(setup_.type->storage, cursor_) != nullptr;
}

void Watch::changed(const Event& event) {
  const bool other_namespace =
      !setup_.filter.ns.empty() && event.after->id().ns != setup_.filter.ns;
  if (!other_namespace) wake();
}

std::optional<WallTime> Watch::tick(WallTime now) {
  if (ended_ || finishing_ || error_) return std::nullopt;
  if (now >= setup_.deadline) {
    bookmark_due_ = false;
    finish();
    return std::nullopt;
  }
  if (setup_.await > 0) return tick_waiting(now);
  if (!setup_.bookmarks) return setup_.deadline;
  if (now >= next_bookmark_) {
    bookmark_due_ = true;
    set_next_bookmark(now);
    wake();
  }
  return std::min(next_bookmark_, setup_.deadline);
}

std::optional<WallTime> Watch::tick_waiting(WallTime now) {
  const std::uint64_t revision = core_.store->revision();
  const bool reached = revision >= setup_.await;
  if (!reached && now < await_until_) return std::min(await_until_, setup_.deadline);
  if (!reached) error_ = too_large_version(setup_.await, revision);
  wake();
  return setup_.deadline;
}

// One each period, and a last one just before the deadline.
void Watch::set_next_bookmark(WallTime now) {
  const WallTime last = setup_.deadline - kBeforeDeadline;
  const WallTime regular = now + core_.options.bookmark_period;
  next_bookmark_ = now >= last ? setup_.deadline : std::min(regular, last);
}

void Watch::expire() {
  error_ = gone();
  wake();
}

void Watch::finish() {
  finishing_ = true;
  wake();
}

void Watch::wake() const {
  if (ready_) ready_();
}

}  // namespace k8s::apiserver
