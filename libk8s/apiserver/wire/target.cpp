#include "libk8s/apiserver/wire/target.hpp"

#include <charconv>

#include "libk8s/http/message.hpp"

namespace k8s::apiserver {
namespace {

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (!part.empty()) segments.push_back(http::percent_decoded(part, false));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return segments;
}

std::string at(const std::vector<std::string>& segments, std::size_t index) {
  return index < segments.size() ? segments[index] : std::string();
}

// Reads the segments from `index` on, which stand behind the group and version.
void read_resource(Target& target, std::size_t index) {
  const auto& segments = target.segments;
  const std::size_t left = segments.size() - index;
  // "namespaces/a" is the object itself; "namespaces/a/pods" is pods in it; its own subresources
  // are told apart by name.
  const bool scoped = at(segments, index) == "namespaces" && left >= 3 &&
                      at(segments, index + 2) != "status" && at(segments, index + 2) != "finalize";
  if (scoped) {
    target.ns = segments[index + 1];
    index += 2;
  }
  target.is_resource = true;
  target.resource = at(segments, index);
  target.name = at(segments, index + 1);
  target.subresource = at(segments, index + 2);
  for (std::size_t i = index + 3; i < segments.size(); ++i) target.rest += "/" + segments[i];
}

}  // namespace

Query Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (!pair.empty()) {
      const std::string_view value =
          equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
      query.values_.emplace(http::percent_decoded(pair.substr(0, equals), true),
                            http::percent_decoded(value, true));
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return query;
}

std::string Query::get(std::string_view key) const {
  const auto found = values_.lower_bound(key);
  return found != values_.end() && found->first == key ? found->second : std::string();
}

bool Query::has(std::string_view key) const { return values_.find(key) != values_.end(); }

bool Query::flag(std::string_view key) const {
  const std::string value = get(key);
  // A bare "?watch" means yes, as in Kubernetes' own conversion: only "0" and "false" are no.
  return has(key) && value != "0" && value != "false";
}

Outcome<std::optional<std::int64_t>> Query::number(std::string_view key) const {
  const std::string text = get(key);
  if (text.empty()) return std::optional<std::int64_t>();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    return bad_request("query parameter " + std::string(key) + ": \"" + text +
                       "\" is not a whole number of at least 0");
  }
  return std::optional(value);
}

Target parse_target(std::string_view text) {
  Target target;
  const std::size_t question = text.find('?');
  const std::string_view path = text.substr(0, question);
  if (question != std::string_view::npos) target.query = Query::parse(text.substr(question + 1));
  target.segments = split_path(path);
  target.path = http::percent_decoded(path, false);
  const auto& segments = target.segments;
  if (segments.size() >= 3 && segments[0] == "api") {
    target.version = segments[1];
    read_resource(target, 2);
  } else if (segments.size() >= 4 && segments[0] == "apis") {
    target.group = segments[1];
    target.version = segments[2];
    read_resource(target, 3);
  }
  return target;
}

}  // namespace k8s::apiserver
