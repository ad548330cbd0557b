#include "libk8s/node/object_reader.hpp"

#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/request/request.hpp"

namespace k8s::node {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void add_plain(const nlohmann::json& from, StringMap& to) {
  for (const auto& [key, value] : from.items()) {
    if (value.is_string()) to[key] = value.get<std::string>();
  }
}

void add_encoded(const nlohmann::json& from, StringMap& to) {
  for (const auto& [key, value] : from.items()) {
    if (!value.is_string()) continue;
    if (auto bytes = from_base64(value.get<std::string>())) to[key] = std::move(*bytes);
  }
}

}  // namespace

std::optional<std::string> from_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count & 0xFF));
  }
  return out;
}

ObjectReader::ObjectReader(Loop& loop, http::Transport& transport, const std::string& ns,
                           const References& references, Done done)
    : loop_(loop), transport_(transport), done_(std::move(done)) {
  for (const std::string& name : references.config_maps) read(Kind::kConfigMap, ns, name);
  for (const std::string& name : references.secrets) read(Kind::kSecret, ns, name);
  for (const std::string& name : references.claims) read(Kind::kClaim, ns, name);
  if (open_ == 0) timer_ = loop_.after(Duration(0), [this] { finish(); });
}

ObjectReader::~ObjectReader() {
  for (const http::ExchangeId exchange : exchanges_) transport_.cancel(exchange);
  loop_.cancel(timer_);
}

void ObjectReader::read(Kind kind, const std::string& ns, const std::string& name) {
  const Resource resource = kind == Kind::kConfigMap ? resources::config_maps()
                            : kind == Kind::kSecret  ? resources::secrets()
                                                     : resources::persistent_volume_claims();
  ++open_;
  auto id = std::make_shared<http::ExchangeId>(http::ExchangeId::kNone);
  *id = http::fetch(transport_, request::get(resource, ns, name),
                    [this, kind, name, id](Result<http::Response> response) {
                      exchanges_.erase(*id);
                      answered(kind, name, std::move(response));
                    });
  exchanges_.insert(*id);
}

void ObjectReader::answered(Kind kind, const std::string& name, Result<http::Response> response) {
  const Result<nlohmann::json> object =
      response ? to_json(*response) : Result<nlohmann::json>(response.status());
  if (kind == Kind::kClaim) {
    if (!object) result_.missing_claims.insert(name);
  } else {
    DataObjects& all =
        kind == Kind::kSecret ? result_.objects.secrets : result_.objects.config_maps;
    std::optional<StringMap>& data = all[name];
    if (object) {
      data.emplace();
      if (kind == Kind::kConfigMap) add_plain(object_at(*object, "data"), *data);
      add_encoded(object_at(*object, kind == Kind::kSecret ? "data" : "binaryData"), *data);
    }
  }
  if (!object && object.status().code() != Code::kNotFound) error_ = object.status();
  if (--open_ == 0) finish();
}

void ObjectReader::finish() {
  timer_ = TimerId::kNone;
  // The callback may destroy this reader.
  const Done done = std::move(done_);
  if (!error_) return done(error_);
  ReadObjects result = std::move(result_);
  done(std::move(result));
}

}  // namespace k8s::node
