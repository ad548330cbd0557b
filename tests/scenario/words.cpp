#include "tests/scenario/words.hpp"

#include <algorithm>
#include <charconv>

namespace sched::scenario {
namespace {

// A decimal with up to `digits` places, as an integer in units of the last place.
std::int64_t decimal(const std::string& text, std::size_t digits) {
  const std::size_t point = text.find('.');
  const std::string whole = text.substr(0, point);
  std::string rest = point == std::string::npos ? "" : text.substr(point + 1);
  if (rest.size() > digits) throw BadLine("too many decimals: " + text);
  rest.append(digits - rest.size(), '0');
  return integer(whole + rest);
}

std::pair<std::string, std::string> number_and_unit(const std::string& text) {
  const std::size_t end = text.find_first_not_of("0123456789.-");
  return {text.substr(0, end), end == std::string::npos ? "" : text.substr(end)};
}

}  // namespace

Words split_words(const std::string& line) {
  Words words;
  std::string word;
  char until = 0;
  const auto finish = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (const char c : line) {
    if (until != 0) {
      if (c == until) until = 0;
      if (c != '"') word += c;
    } else if (c == '#') {
      break;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      finish();
    } else if (c == '"') {
      until = '"';
    } else {
      if (c == '(') until = ')';
      word += c;
    }
  }
  if (until != 0) throw BadLine("a quote or bracket does not end");
  finish();
  return words;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (from <= text.size()) {
    const std::size_t to = std::min(text.find(at, from), text.size());
    if (to > from) parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

std::string take(Words& words) {
  if (words.empty()) throw BadLine("a word is missing");
  std::string first = words.front();
  words.erase(words.begin());
  return first;
}

std::string option(Words& words, const std::string& key, const std::string& otherwise) {
  for (auto word = words.begin(); word != words.end(); ++word) {
    if (!word->starts_with(key + "=")) continue;
    std::string value = word->substr(key.size() + 1);
    words.erase(word);
    return value;
  }
  return otherwise;
}

std::vector<std::pair<std::string, std::string>> options(Words& words, const std::string& prefix) {
  std::vector<std::pair<std::string, std::string>> found;
  std::erase_if(words, [&](const std::string& word) {
    const std::size_t equals = word.find('=');
    if (!word.starts_with(prefix + ".") || equals == std::string::npos) return false;
    found.emplace_back(word.substr(prefix.size() + 1, equals - prefix.size() - 1),
                       word.substr(equals + 1));
    return true;
  });
  return found;
}

bool flag(Words& words, const std::string& word) { return std::erase(words, word) > 0; }

void no_more(const Words& words) {
  if (!words.empty()) throw BadLine("not understood: " + words.front());
}

std::int64_t integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc() || end != text.data() + text.size()) {
    throw BadLine("not a number: " + text);
  }
  return value;
}

std::int64_t duration_ns(const std::string& text) {
  const auto [number, unit] = number_and_unit(text);
  const std::pair<const char*, std::int64_t> units[] = {
      {"us", 1'000},         {"ms", 1'000'000},        {"s", 1'000'000'000},
      {"m", 60'000'000'000}, {"h", 3'600'000'000'000}, {"d", 86'400'000'000'000}};
  for (const auto& [name, ns] : units) {
    if (unit == name) return integer(number) * ns;
  }
  throw BadLine("not a duration: " + text);
}

std::int64_t milli_cores(const std::string& text) {
  const auto [number, unit] = number_and_unit(text);
  if (!unit.empty() && unit != "cpu") throw BadLine("not a number of cores: " + text);
  return decimal(number, 3);
}

std::int64_t bytes(const std::string& text) {
  const auto [number, unit] = number_and_unit(text);
  const std::pair<const char*, int> units[] = {
      {"", 0}, {"Ki", 10}, {"Mi", 20}, {"Gi", 30}, {"Ti", 40}};
  for (const auto& [name, shift] : units) {
    if (unit == name) return integer(number) << shift;
  }
  throw BadLine("not an amount of memory: " + text);
}

std::int64_t thousandths(const std::string& text) { return decimal(text, 3); }
std::int64_t millionths(const std::string& text) { return decimal(text, 6); }

}  // namespace sched::scenario
