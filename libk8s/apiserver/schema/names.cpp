#include "libk8s/apiserver/schema/names.hpp"

#include <algorithm>
#include <cctype>

namespace k8s::apiserver {
namespace {

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool letter_or_digit(char c) { return lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

// First and last character by `edge`, all others by `edge` or one of `inner`.
template <class Edge>
bool consists_of(std::string_view text, Edge edge, std::string_view inner) {
  if (text.empty() || !edge(text.front()) || !edge(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return edge(c) || inner.find(c) != std::string_view::npos; });
}

bool is_label(std::string_view text) { return consists_of(text, lower_or_digit, "-"); }

std::string too_long(std::size_t max) {
  return "must be no more than " + std::to_string(max) + " bytes";
}

constexpr std::string_view kLabelRule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr std::string_view kSubdomainRule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr std::string_view k1035Rule =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
constexpr std::string_view kLabelValueRule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
    "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
constexpr std::string_view kNamePartRule =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

}  // namespace

std::string dns1123_label(std::string_view text) {
  if (text.size() > 63) return too_long(63);
  return is_label(text) ? "" : std::string(kLabelRule);
}

std::string dns1123_subdomain(std::string_view text) {
  if (text.size() > 253) return too_long(253);
  std::string_view rest = text;
  while (true) {
    std::size_t dot = rest.find('.');
    if (!is_label(rest.substr(0, dot))) return std::string(kSubdomainRule);
    if (dot == std::string_view::npos) return "";
    rest.remove_prefix(dot + 1);
  }
}

std::string dns1035_label(std::string_view text) {
  if (text.size() > 63) return too_long(63);
  bool fine = is_label(text) && text.front() >= 'a';
  return fine ? "" : std::string(k1035Rule);
}

std::string path_segment_name(std::string_view text) {
  if (text == "." || text == "..") return "may not be '" + std::string(text) + "'";
  for (char c : {'/', '%'}) {
    if (text.find(c) != std::string_view::npos) return std::string("may not contain '") + c + "'";
  }
  return "";
}

std::string qualified_name(std::string_view text) {
  std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    std::string_view prefix = text.substr(0, slash);
    if (prefix.empty()) return "prefix part must be non-empty";
    if (std::string wrong = dns1123_subdomain(prefix); !wrong.empty()) {
      return "prefix part " + wrong;
    }
    text.remove_prefix(slash + 1);
  }
  if (text.empty()) return "name part must be non-empty";
  if (text.size() > 63) return "name part " + too_long(63);
  return consists_of(text, letter_or_digit, "-_.") ? "" : std::string(kNamePartRule);
}

std::string label_value(std::string_view text) {
  if (text.size() > 63) return too_long(63);
  bool fine = text.empty() || consists_of(text, letter_or_digit, "-_.");
  return fine ? "" : std::string(kLabelValueRule);
}

std::string env_name(std::string_view text) {
  bool fine = !text.empty() && std::all_of(text.begin(), text.end(),
                                           [](char c) { return c != '=' && c >= ' ' && c <= '~'; });
  return fine ? ""
              : "a valid environment variable name must consist only of printable ASCII characters "
                "other than '='";
}

std::string data_key(std::string_view text) {
  if (text.size() > 253) return too_long(253);
  if (text == ".") return "must not be '.'";
  if (text.substr(0, 2) == "..") return "must not start with '..'";
  bool fine = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return letter_or_digit(c) || c == '-' || c == '_' || c == '.';
  });
  return fine ? ""
              : "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
                "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
                "'[-._a-zA-Z0-9]+')";
}

std::string port_name(std::string_view text) {
  if (text.size() > 15) return too_long(15);
  bool fine = is_label(text) && text.find("--") == std::string_view::npos &&
              std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return fine ? ""
              : "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), at least "
                "one letter, and no two hyphens in a row";
}

}  // namespace k8s::apiserver
