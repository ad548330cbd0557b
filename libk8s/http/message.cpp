#include "libk8s/http/message.hpp"

#include <algorithm>
#include <memory>

namespace k8s::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (same_name(key, name)) return value;
  }
  return {};
}

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields, [&](const auto& field) { return same_name(field.first, name); });
  fields.emplace_back(std::string(name), std::move(value));
}

ExchangeId fetch(Transport& transport, Request request,
                 std::function<void(Result<Response>)> done) {
  auto response = std::make_shared<Response>();
  Handler handler;
  handler.on_head = [response](int status, const Headers& headers) {
    response->status = status;
    response->headers = headers;
  };
  handler.on_data = [response](std::string_view bytes) { response->body += bytes; };
  handler.on_end = [response, done = std::move(done)](const Status& status) {
    if (status.is_ok()) {
      done(std::move(*response));
    } else {
      done(status);
    }
  };
  return transport.start(std::move(request), std::move(handler));
}

std::string percent_encoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string percent_decoded(std::string_view text, bool query) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
                        hex_value(text[i + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += query && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace k8s::http
