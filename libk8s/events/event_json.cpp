#include "libk8s/events/event_json.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/rfc3339.hpp"

namespace k8s {
namespace {

// Limits of the API.
constexpr std::size_t kNoteMax = 1024;
constexpr std::size_t kWordMax = 128;
constexpr std::size_t kNameMax = 253;

nlohmann::json reference(const ObjectReference& object) {
  nlohmann::json json = {
      {"apiVersion", object.api_version}, {"kind", object.kind}, {"name", object.name}};
  if (!object.ns.empty()) json["namespace"] = object.ns;
  if (!object.uid.empty()) json["uid"] = object.uid;
  return json;
}

// Fields are joined by a byte that none of them can hold.
void append(std::string& key, const ObjectReference& object) {
  for (const std::string* part :
       {&object.api_version, &object.kind, &object.ns, &object.name, &object.uid}) {
    key += *part;
    key += '\n';
  }
}

}  // namespace

std::string series_key(const EventNote& note, const EventRecorder::Options& options) {
  std::string key;
  append(key, note.regarding);
  append(key, note.related.value_or(ObjectReference{}));
  for (const std::string* part :
       {&note.action, &note.reason, &options.controller, &options.instance}) {
    key += *part;
    key += '\n';
  }
  key += note.warning ? 'W' : 'N';
  return key;
}

std::string event_name(const std::string& object_name, std::uint64_t number) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string name = object_name.substr(0, kNameMax - 17);
  while (!name.empty() && (name.back() == '.' || name.back() == '-')) name.pop_back();
  name += name.empty() ? "event." : ".";
  for (int shift = 60; shift >= 0; shift -= 4) name += kHex[(number >> shift) & 15];
  return name;
}

std::string event_namespace(const ObjectReference& regarding) {
  return regarding.ns.empty() ? "default" : regarding.ns;
}

std::string cut_utf8(const std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

nlohmann::json event_object(const EventNote& note, const EventRecorder::Options& options,
                            const std::string& name, WallTime when) {
  nlohmann::json event = {
      {"apiVersion", "events.k8s.io/v1"},
      {"kind", "Event"},
      {"metadata", {{"name", name}, {"namespace", event_namespace(note.regarding)}}},
      {"eventTime", format_micro_time(when)},
      {"type", note.warning ? "Warning" : "Normal"},
      {"reason", cut_utf8(note.reason, kWordMax)},
      {"action", cut_utf8(note.action, kWordMax)},
      {"note", cut_utf8(note.note, kNoteMax)},
      {"regarding", reference(note.regarding)},
      {"reportingController", cut_utf8(options.controller, kWordMax)},
      {"reportingInstance", cut_utf8(options.instance, kWordMax)}};
  if (note.related) event["related"] = reference(*note.related);
  return event;
}

nlohmann::json series_patch(std::int64_t count, WallTime last) {
  return {{"series", {{"count", count}, {"lastObservedTime", format_micro_time(last)}}}};
}

}  // namespace k8s
