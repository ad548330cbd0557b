#include "libk8s/apiserver/wire/media.hpp"

#include <algorithm>
#include <array>

namespace k8s::apiserver {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kProtobuf = "application/vnd.kubernetes.protobuf";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the text up to `separator` off the front of `text`.
std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return trimmed(part);
}

MediaRange parse_range(std::string_view text) {
  MediaRange range;
  range.type = next_part(text, ';');
  std::ranges::transform(range.type, range.type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  while (!text.empty()) {
    std::string_view parameter = next_part(text, ';');
    const std::string_view key = next_part(parameter, '=');
    const std::string_view value = trimmed(parameter);
    if (key == "as") range.as = value;
    if (key == "g") range.group = value;
    if (key == "v") range.version = value;
  }
  return range;
}

// Whether `range` can be served, and how.
bool served(const MediaRange& range, const Offer& offer, Media& media) {
  const bool any = range.type == "*/*" || range.type == "application/*";
  media.protobuf = range.type == kProtobuf;
  if (!any && range.type != kJson && !media.protobuf) return false;
  if (range.as.empty()) {
    media.form = Form::kObject;
    return !media.protobuf || offer.protobuf;
  }
  // Tables and bare metadata are written in JSON only; protobuf entries fall through to the next.
  if (media.protobuf || range.group != "meta.k8s.io") return false;
  if (range.version != "v1" && range.version != "v1beta1") return false;
  if (range.as == "Table") {
    media.form = Form::kTable;
    return offer.table;
  }
  media.form = Form::kMetadata;
  return range.as == "PartialObjectMetadata" || range.as == "PartialObjectMetadataList";
}

}  // namespace

std::vector<MediaRange> parse_accept(std::string_view header) {
  constexpr std::size_t kMaxRanges = 32;
  std::vector<MediaRange> ranges;
  while (!header.empty() && ranges.size() < kMaxRanges) {
    const std::string_view part = next_part(header, ',');
    if (!part.empty()) ranges.push_back(parse_range(part));
  }
  return ranges;
}

Outcome<Media> negotiate(std::string_view accept, const Offer& offer) {
  const std::vector<MediaRange> ranges = parse_accept(accept);
  if (ranges.empty()) return Media{};
  for (const MediaRange& range : ranges) {
    Media media;
    if (served(range, offer, media)) return media;
  }
  return not_acceptable(offer.protobuf ? "application/json, application/vnd.kubernetes.protobuf"
                                       : "application/json");
}

BodyFormat body_format(std::string_view content_type) {
  struct Known {
    std::string_view type;
    BodyFormat format;
  };
  static constexpr std::array<Known, 9> kKnown = {{
      {"", BodyFormat::kJson},
      {kJson, BodyFormat::kJson},
      {"application/yaml", BodyFormat::kYaml},
      {kProtobuf, BodyFormat::kProtobuf},
      {"application/json-patch+json", BodyFormat::kJsonPatch},
      {"application/merge-patch+json", BodyFormat::kMergePatch},
      {"application/strategic-merge-patch+json", BodyFormat::kStrategicPatch},
      {"application/apply-patch+yaml", BodyFormat::kApplyPatch},
      {"application/apply-patch+json", BodyFormat::kApplyPatch},
  }};
  const std::string type = parse_range(content_type).type;
  const auto* found = std::ranges::find(kKnown, type, &Known::type);
  return found == kKnown.end() ? BodyFormat::kUnknown : found->format;
}

}  // namespace k8s::apiserver
