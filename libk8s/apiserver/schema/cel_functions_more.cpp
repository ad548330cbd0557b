// Functions over texts, lists and quantities: Kubernetes' additions to CEL.
#include <re2/re2.h>

#include <algorithm>

#include "libk8s/apiserver/schema/cel_functions_internal.hpp"

namespace k8s::apiserver::cel {
namespace {

using Args = std::span<const Value>;

constexpr std::size_t kMaxTextResult = 1 << 20;

std::int64_t text_cost(Args a) {
  std::int64_t cost = 0;
  for (const Value& v : a) cost += static_cast<std::int64_t>(v.as_text().size()) / 10;
  return cost;
}

Value contains(Args a, Meter& m) {
  m.spend(text_cost(a));
  return Value::boolean(a[0].as_text().find(a[1].as_text()) != std::string_view::npos);
}
Value starts_with(Args a, Meter&) {
  return Value::boolean(a[0].as_text().starts_with(a[1].as_text()));
}
Value ends_with(Args a, Meter&) { return Value::boolean(a[0].as_text().ends_with(a[1].as_text())); }

Value matches(Args a, Meter& m) {
  // A pattern is compiled anew each time; the cost says so.
  m.spend(text_cost(a) + 10);
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  re2::RE2 pattern(re2::StringPiece(a[1].as_text().data(), a[1].as_text().size()), options);
  if (!pattern.ok()) return Value::error("invalid pattern: " + pattern.error());
  return Value::boolean(re2::RE2::PartialMatch(
      re2::StringPiece(a[0].as_text().data(), a[0].as_text().size()), pattern));
}

std::string mapped(std::string_view text, char low, char high, int shift) {
  std::string out(text);
  for (char& c : out) {
    if (c >= low && c <= high) c = static_cast<char>(c + shift);
  }
  return out;
}
Value lower(Args a, Meter& m) {
  m.spend(text_cost(a));
  return Value::text(mapped(a[0].as_text(), 'A', 'Z', 'a' - 'A'));
}
Value upper(Args a, Meter& m) {
  m.spend(text_cost(a));
  return Value::text(mapped(a[0].as_text(), 'a', 'z', 'A' - 'a'));
}

Value trim(Args a, Meter&) {
  std::string_view text = a[0].as_text();
  std::size_t from = text.find_first_not_of(" \t\n\r\v\f");
  if (from == std::string_view::npos) return Value::text("");
  std::size_t to = text.find_last_not_of(" \t\n\r\v\f");
  return Value::text(std::string(text.substr(from, to - from + 1)));
}

Value index_of(Args a, Meter& m) {
  m.spend(text_cost(a));
  std::size_t at = a[0].as_text().find(a[1].as_text());
  if (at == std::string_view::npos) return Value::integer(-1);
  auto characters = Value::text_view(a[0].as_text().substr(0, at)).size();
  return Value::integer(static_cast<std::int64_t>(characters));
}

// The byte where the character with that number begins; npos past the end.
std::size_t byte_of(std::string_view text, std::int64_t character) {
  if (character < 0) return std::string_view::npos;
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool start = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (start && seen++ == character) return i;
  }
  return seen == character ? text.size() : std::string_view::npos;
}
Value substring(Args a, Meter& m) {
  m.spend(static_cast<std::int64_t>(a[0].as_text().size()) / 10);
  std::string_view text = a[0].as_text();
  std::size_t from = byte_of(text, a[1].as_int());
  std::size_t to = a.size() > 2 ? byte_of(text, a[2].as_int()) : text.size();
  if (from == std::string_view::npos || to == std::string_view::npos || from > to) {
    return Value::error("index out of range");
  }
  return Value::text(std::string(text.substr(from, to - from)));
}

Value split(Args a, Meter& m) {
  std::string_view text = a[0].as_text(), by = a[1].as_text();
  m.spend(text_cost(a));
  Items parts;
  while (true) {
    std::size_t at =
        by.empty() ? (text.size() > 1 ? byte_of(text, 1) : std::string_view::npos) : text.find(by);
    if (by.empty() && at == text.size()) at = std::string_view::npos;
    parts.push_back(Value::text(std::string(text.substr(0, at))));
    if (at == std::string_view::npos || !m.spend(1)) break;
    text.remove_prefix(at + by.size());
  }
  return Value::list(std::move(parts));
}

Value replace(Args a, Meter& m) {
  std::string_view text = a[0].as_text(), from = a[1].as_text(), to = a[2].as_text();
  m.spend(text_cost(a));
  if (from.empty()) return a[0];
  std::string out;
  for (std::size_t at; (at = text.find(from)) != std::string_view::npos;) {
    out.append(text.substr(0, at)).append(to);
    text.remove_prefix(at + from.size());
    if (out.size() > kMaxTextResult) return Value::error("result too large");
  }
  m.spend(static_cast<std::int64_t>(out.size()) / 10);
  return Value::text(out.append(text));
}

Value join(Args a, Meter& m) {
  std::string out, by = a.size() > 1 ? std::string(a[1].as_text()) : "";
  for (std::size_t i = 0; i < a[0].size(); ++i) {
    Value item = a[0].at(i);
    if (item.kind() != Kind::kString) return Value::error("join() needs a list of strings");
    if (!m.spend(1 + static_cast<std::int64_t>(item.as_text().size() + by.size()) / 10)) break;
    if (i > 0) out += by;
    out += item.as_text();
    if (out.size() > kMaxTextResult) return Value::error("result too large");
  }
  return Value::text(std::move(out));
}

bool has_order(Kind kind) {
  return std::string_view("idsbDT").find(static_cast<char>(kind)) != std::string_view::npos;
}

// Whether all elements can be compared with one another.
bool comparable(const Value& list, Meter& m) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!m.spend(1) || !has_order(list.at(i).kind()) || list.at(i).kind() != list.at(0).kind()) {
      return false;
    }
  }
  return true;
}

Value is_sorted(Args a, Meter& m) {
  if (!comparable(a[0], m)) return Value::error("isSorted() needs comparable elements");
  for (std::size_t i = 1; i < a[0].size(); ++i) {
    if (compare(a[0].at(i - 1), a[0].at(i)) > 0) return Value::boolean(false);
  }
  return Value::boolean(true);
}

template <int Sign>
Value extreme(Args a, Meter& m) {
  if (a[0].size() == 0) return Value::error("min() or max() of an empty list");
  if (!comparable(a[0], m)) return Value::error("min() and max() need comparable elements");
  Value best = a[0].at(0);
  for (std::size_t i = 1; i < a[0].size(); ++i) {
    Value item = a[0].at(i);
    if (Sign * compare(item, best) > 0) best = item;
  }
  return best;
}

Value sum(Args a, Meter& m) {
  if (a[0].size() == 0) return Value::integer(0);
  bool real = a[0].at(0).kind() == Kind::kDouble;
  std::int64_t whole = 0;
  double fraction = 0;
  for (std::size_t i = 0; i < a[0].size(); ++i) {
    Value item = a[0].at(i);
    if (!m.spend(1)) break;
    if (item.kind() != (real ? Kind::kDouble : Kind::kInt)) {
      return Value::error("sum() needs numbers of one kind");
    }
    fraction += item.as_double();
    if (!real && __builtin_add_overflow(whole, item.as_int(), &whole)) {
      return Value::error("integer overflow");
    }
  }
  return real ? Value::real(fraction) : Value::integer(whole);
}

Value position_in_list(Args a, Meter& m) {
  for (std::size_t i = 0; i < a[0].size(); ++i) {
    if (equal(a[0].at(i), a[1], m)) return Value::integer(static_cast<std::int64_t>(i));
  }
  return Value::integer(-1);
}

// --- quantities ---------------------------------------------------------------------------

constexpr std::int64_t kBillion = 1'000'000'000;

Value is_quantity(Args a, Meter&) {
  return Value::boolean(Quantity::parse(a[0].as_text()).is_ok());
}
Value quantity_of(Args a, Meter&) {
  Result<Quantity> q = Quantity::parse(a[0].as_text());
  return q ? Value::quantity(*q)
           : Value::error("no quantity: \"" + std::string(a[0].as_text()) + "\"");
}
Value compare_to(Args a, Meter&) { return Value::integer(compare(a[0], a[1])); }
Value is_greater(Args a, Meter&) { return Value::boolean(compare(a[0], a[1]) > 0); }
Value is_less(Args a, Meter&) { return Value::boolean(compare(a[0], a[1]) < 0); }
Value sign_of(Args a, Meter&) {
  auto nano = a[0].as_quantity().nano();
  return Value::integer(nano < 0 ? -1 : nano > 0 ? 1 : 0);
}
Value is_integer(Args a, Meter&) {
  return Value::boolean(a[0].as_quantity().nano() % kBillion == 0);
}
Value as_integer(Args a, Meter&) {
  if (a[0].as_quantity().nano() % kBillion != 0) return Value::error("quantity is no integer");
  return Value::integer(a[0].as_quantity().units());
}
Value as_float(Args a, Meter&) {
  return Value::real(static_cast<double>(a[0].as_quantity().nano()) / 1e9);
}
Quantity::Nano nano_of(const Value& v) {
  return v.kind() == Kind::kQuantity ? v.as_quantity().nano()
                                     : Quantity::Nano{v.as_int()} * kBillion;
}
Value bounded(Quantity::Nano nano) {
  bool fits = nano / kBillion <= INT64_MAX && nano / kBillion >= INT64_MIN;
  return fits ? Value::quantity(Quantity::from_nano(nano)) : Value::error("quantity overflow");
}
Value plus(Args a, Meter&) { return bounded(nano_of(a[0]) + nano_of(a[1])); }
Value minus(Args a, Meter&) { return bounded(nano_of(a[0]) - nano_of(a[1])); }

}  // namespace

std::vector<Function> text_functions() {
  return {{"contains", true, "ss", Kind::kBool, contains},
          {"startsWith", true, "ss", Kind::kBool, starts_with},
          {"endsWith", true, "ss", Kind::kBool, ends_with},
          {"matches", true, "ss", Kind::kBool, matches},
          {"matches", false, "ss", Kind::kBool, matches},
          {"lowerAscii", true, "s", Kind::kString, lower},
          {"upperAscii", true, "s", Kind::kString, upper},
          {"trim", true, "s", Kind::kString, trim},
          {"indexOf", true, "ss", Kind::kInt, index_of},
          {"substring", true, "si", Kind::kString, substring},
          {"substring", true, "sii", Kind::kString, substring},
          {"split", true, "ss", Kind::kList, split},
          {"replace", true, "sss", Kind::kString, replace},
          {"join", true, "l", Kind::kString, join},
          {"join", true, "ls", Kind::kString, join}};
}

std::vector<Function> list_functions() {
  return {{"isSorted", true, "l", Kind::kBool, is_sorted},
          {"min", true, "l", Kind::kAny, extreme<-1>},
          {"max", true, "l", Kind::kAny, extreme<1>},
          {"sum", true, "l", Kind::kAny, sum},
          {"indexOf", true, "la", Kind::kInt, position_in_list}};
}

std::vector<Function> quantity_functions() {
  return {{"isQuantity", false, "s", Kind::kBool, is_quantity},
          {"quantity", false, "s", Kind::kQuantity, quantity_of},
          {"compareTo", true, "QQ", Kind::kInt, compare_to},
          {"isGreaterThan", true, "QQ", Kind::kBool, is_greater},
          {"isLessThan", true, "QQ", Kind::kBool, is_less},
          {"sign", true, "Q", Kind::kInt, sign_of},
          {"isInteger", true, "Q", Kind::kBool, is_integer},
          {"asInteger", true, "Q", Kind::kInt, as_integer},
          {"asApproximateFloat", true, "Q", Kind::kDouble, as_float},
          {"add", true, "QQ", Kind::kQuantity, plus},
          {"add", true, "Qi", Kind::kQuantity, plus},
          {"sub", true, "QQ", Kind::kQuantity, minus},
          {"sub", true, "Qi", Kind::kQuantity, minus}};
}

}  // namespace k8s::apiserver::cel
