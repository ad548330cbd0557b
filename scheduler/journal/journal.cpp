#include "scheduler/journal/journal.hpp"

#include <charconv>
#include <map>
#include <optional>
#include <type_traits>

#include "scheduler/journal/fields.hpp"

namespace sched {
namespace {

using journal::kVerbs;

constexpr std::size_t kDifferencesMax = 100;

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '/' || c == ':' || c == '@' || c == '-';
}

// Writes fields one after another, separated by blanks.
class Writer {
 public:
  template <class... T>
  void operator()(T&... values) {
    (put(values), ...);
  }
  void word(std::string_view text) {
    if (!line_.empty()) line_ += ' ';
    line_ += text;
  }
  std::string take() { return std::move(line_); }

 private:
  template <class T>
  void put(T& value) {
    if constexpr (std::is_enum_v<T>) {
      word(std::to_string(static_cast<int>(value)));
    } else if constexpr (std::is_integral_v<T>) {
      word(std::to_string(static_cast<std::int64_t>(value)));
    } else {
      journal::fields(*this, value);
    }
  }
  void put(std::string& text) {
    constexpr char kHex[] = "0123456789ABCDEF";
    word("=");
    for (const char c : text) {
      if (plain(c)) {
        line_ += c;
        continue;
      }
      const auto byte = static_cast<unsigned char>(c);
      line_ += '%';
      line_ += kHex[byte >> 4];
      line_ += kHex[byte & 15];
    }
  }
  template <class A, class B>
  void put(std::pair<A, B>& pair) {
    put(pair.first);
    put(pair.second);
  }
  template <class T>
  void put(std::optional<T>& choice) {
    bool given = choice.has_value();
    put(given);
    if (given) put(*choice);
  }
  template <class T>
  void put(std::vector<T>& list) {
    word(std::to_string(list.size()));
    for (T& element : list) put(element);
  }
  template <class K, class V>
  void put(std::map<K, V>& map) {
    word(std::to_string(map.size()));
    for (auto& [key, value] : map) {
      K copy = key;
      put(copy);
      put(value);
    }
  }

  std::string line_;
};

// Reads them back. After the first error everything reads as empty, so that callers check once.
class Reader {
 public:
  explicit Reader(std::string_view line) : rest_(line) {}

  template <class... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  std::string_view word() {
    const std::size_t end = std::min(rest_.find(' '), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (word.empty()) fail("a field is missing");
    return word;
  }
  bool done() const { return rest_.empty(); }
  const std::string& error() const { return error_; }

 private:
  void fail(const char* why) {
    if (error_.empty()) error_ = why;
    rest_ = {};
  }
  std::int64_t number() {
    const std::string_view text = word();
    std::int64_t value = 0;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (bad != std::errc() || end != text.data() + text.size()) fail("a number is malformed");
    return value;
  }
  // Every element takes at least two characters, so a length beyond the rest is a lie.
  std::size_t length() {
    const std::int64_t value = number();
    if (value >= 0 && static_cast<std::size_t>(value) <= rest_.size() / 2 + 1) {
      return static_cast<std::size_t>(value);
    }
    fail("a length is too large");
    return 0;
  }
  template <class T>
  void get(T& value) {
    if constexpr (std::is_enum_v<T>) {
      const std::int64_t number = this->number();
      if (number < 0 || number > 31) fail("a choice is out of range");
      value = static_cast<T>(number & 31);
    } else if constexpr (std::is_same_v<T, bool>) {
      value = number() != 0;
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(number());
    } else {
      journal::fields(*this, value);
    }
  }
  template <class T>
  void get(std::optional<T>& choice) {
    bool given = false;
    get(given);
    if (given) get(choice.emplace());
  }
  void get(Tier& tier) {
    const std::int64_t value = number();
    if (value < 0 || value > 2) return fail("a tier is out of range");
    tier = static_cast<Tier>(value);
  }
  static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }
  void get(std::string& text) {
    const std::string_view raw = word();
    text.clear();
    if (raw.empty() || raw[0] != '=') return fail("a text does not begin with =");
    for (std::size_t i = 1; i < raw.size(); ++i) {
      if (raw[i] != '%') {
        text += raw[i];
        continue;
      }
      const int high = i + 2 < raw.size() ? hex(raw[i + 1]) : -1;
      const int low = i + 2 < raw.size() ? hex(raw[i + 2]) : -1;
      if (high < 0 || low < 0) return fail("an escape is malformed");
      text += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  template <class A, class B>
  void get(std::pair<A, B>& pair) {
    get(pair.first);
    get(pair.second);
  }
  template <class T>
  void get(std::vector<T>& list) {
    const std::size_t size = length();
    list.clear();
    for (std::size_t i = 0; i < size && error_.empty(); ++i) get(list.emplace_back());
  }
  template <class K, class V>
  void get(std::map<K, V>& map) {
    const std::size_t size = length();
    map.clear();
    for (std::size_t i = 0; i < size && error_.empty(); ++i) {
      K key;
      get(key);
      get(map[key]);
    }
  }

  std::string_view rest_;
  std::string error_;
};

template <std::size_t I = 0>
// The verb says which alternative follows; recursion is over the types, not over the input.
std::optional<Delta> read_delta(std::string_view verb, Reader& reader) {
  if constexpr (I == std::variant_size_v<Delta>) {
    return std::nullopt;
  } else {
    if (verb != kVerbs[I]) return read_delta<I + 1>(verb, reader);
    std::variant_alternative_t<I, Delta> delta;
    reader(delta);
    return delta;
  }
}

std::string tell(const Start& start) {
  std::string text = start.task + " (attempt " + std::to_string(start.attempt) + ") on";
  for (std::size_t i = 0; i < start.placement.nodes.size() && i < 8; ++i) {
    text += " " + start.placement.nodes[i];
  }
  if (start.placement.nodes.size() > 8) {
    text += " and " + std::to_string(start.placement.nodes.size() - 8) + " more";
  }
  return text;
}

}  // namespace

std::string journal_header() { return "sched-journal 8"; }

std::string encode(const Delta& delta) {
  Writer writer;
  writer.word("D");
  writer.word(kVerbs[delta.index()]);
  Delta copy = delta;
  std::visit([&](auto& d) { writer(d); }, copy);
  return writer.take();
}

std::string encode(const PlanRecord& record) {
  Writer writer;
  writer.word("P");
  PlanRecord copy = record;
  writer(copy);
  return writer.take();
}

DecodedLine decode(std::string_view line) {
  if (line.size() > kJournalLineMax) return {std::nullopt, "the line is too long"};
  Reader reader(line);
  const std::string_view kind = reader.word();
  std::optional<JournalRecord> record;
  if (kind == "P") {
    PlanRecord plan;
    reader(plan);
    record = std::move(plan);
  } else if (kind == "D") {
    auto delta = read_delta(reader.word(), reader);
    if (!delta && reader.error().empty()) return {std::nullopt, "no such delta"};
    if (delta) record = std::move(*delta);
  } else {
    return {std::nullopt, "a line begins with D or P"};
  }
  if (!reader.error().empty()) return {std::nullopt, reader.error()};
  if (!reader.done()) return {std::nullopt, "there is more than the record's fields"};
  return {std::move(record), ""};
}

bool Replayer::line(std::string_view line) {
  if (!error_.empty()) return false;
  ++lines_;
  if (lines_ == 1) {
    if (line != journal_header()) error_ = "line 1: not a journal of this version";
    return error_.empty();
  }
  if (line.empty()) return true;
  DecodedLine decoded = decode(line);
  if (!decoded.record) {
    error_ = "line " + std::to_string(lines_) + ": " + decoded.error;
    return false;
  }
  if (const Delta* delta = std::get_if<Delta>(&*decoded.record)) {
    ++deltas_;
    engine_.apply(*delta);
  } else {
    ++plans_;
    compare(std::get<PlanRecord>(*decoded.record));
  }
  return true;
}

void Replayer::compare(const PlanRecord& record) {
  const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(0, record.max_starts));
  const std::vector<Start> now = engine_.plan(record.now, limit).starts;
  for (std::size_t i = 0; i < std::max(now.size(), record.starts.size()); ++i) {
    const bool both = i < now.size() && i < record.starts.size();
    if (both && now[i] == record.starts[i]) continue;
    if (differences_.size() >= kDifferencesMax) return;
    const std::string was = i < record.starts.size() ? tell(record.starts[i]) : "nothing";
    const std::string is = i < now.size() ? tell(now[i]) : "nothing";
    differences_.push_back("line " + std::to_string(lines_) + ": start " + std::to_string(i + 1) +
                           " is " + was + ", replayed as " + is);
  }
}

}  // namespace sched
