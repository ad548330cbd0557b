#include "libk8s/apiserver/schema/cel_functions.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "libk8s/apiserver/schema/cel_ast.hpp"
#include "libk8s/apiserver/schema/cel_functions_internal.hpp"
#include "libk8s/apiserver/schema/go_duration.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s::apiserver::cel {
namespace {

using Args = std::span<const Value>;

Value overflow() { return Value::error("integer overflow"); }

Value add_int(Args a, Meter&) {
  std::int64_t r = 0;
  return __builtin_add_overflow(a[0].as_int(), a[1].as_int(), &r) ? overflow() : Value::integer(r);
}
Value subtract_int(Args a, Meter&) {
  std::int64_t r = 0;
  return __builtin_sub_overflow(a[0].as_int(), a[1].as_int(), &r) ? overflow() : Value::integer(r);
}
Value multiply_int(Args a, Meter&) {
  std::int64_t r = 0;
  return __builtin_mul_overflow(a[0].as_int(), a[1].as_int(), &r) ? overflow() : Value::integer(r);
}
Value divide_int(Args a, Meter&) {
  if (a[1].as_int() == 0) return Value::error("division by zero");
  if (a[0].as_int() == INT64_MIN && a[1].as_int() == -1) return overflow();
  return Value::integer(a[0].as_int() / a[1].as_int());
}
Value modulo_int(Args a, Meter&) {
  if (a[1].as_int() == 0) return Value::error("modulus by zero");
  if (a[1].as_int() == -1) return Value::integer(0);
  return Value::integer(a[0].as_int() % a[1].as_int());
}
Value negate_int(Args a, Meter&) {
  return a[0].as_int() == INT64_MIN ? overflow() : Value::integer(-a[0].as_int());
}

Value add_real(Args a, Meter&) { return Value::real(a[0].as_double() + a[1].as_double()); }
Value subtract_real(Args a, Meter&) { return Value::real(a[0].as_double() - a[1].as_double()); }
Value multiply_real(Args a, Meter&) { return Value::real(a[0].as_double() * a[1].as_double()); }
Value divide_real(Args a, Meter&) { return Value::real(a[0].as_double() / a[1].as_double()); }
Value negate_real(Args a, Meter&) { return Value::real(-a[0].as_double()); }

// Sums and differences of times and lengths of time, all of them nanoseconds.
template <Value (*Make)(std::int64_t), bool Minus>
Value time_sum(Args a, Meter&) {
  std::int64_t r = 0;
  bool bad = Minus ? __builtin_sub_overflow(a[0].as_int(), a[1].as_int(), &r)
                   : __builtin_add_overflow(a[0].as_int(), a[1].as_int(), &r);
  return bad ? overflow() : Make(r);
}

Value concat_text(Args a, Meter& meter) {
  std::size_t size = a[0].as_text().size() + a[1].as_text().size();
  if (size > kMaxTextBytes * 64) return Value::error("result too large");
  meter.spend(static_cast<std::int64_t>(size) / 10);
  return Value::text(std::string(a[0].as_text()) + std::string(a[1].as_text()));
}

Value concat_list(Args a, Meter& meter) {
  Items items;
  if (!meter.spend(static_cast<std::int64_t>(a[0].size() + a[1].size()))) return Value::error("");
  for (const Value& list : a) {
    for (std::size_t i = 0; i < list.size(); ++i) items.push_back(list.at(i));
  }
  return Value::list(std::move(items));
}

Value equals(Args a, Meter& meter) { return Value::boolean(equal(a[0], a[1], meter)); }
Value differs(Args a, Meter& meter) { return Value::boolean(!equal(a[0], a[1], meter)); }
Value less(Args a, Meter&) { return Value::boolean(compare(a[0], a[1]) < 0); }
Value less_equal(Args a, Meter&) { return Value::boolean(compare(a[0], a[1]) <= 0); }
Value greater(Args a, Meter&) { return Value::boolean(compare(a[0], a[1]) > 0); }
Value greater_equal(Args a, Meter&) { return Value::boolean(compare(a[0], a[1]) >= 0); }
Value negation(Args a, Meter&) { return Value::boolean(!a[0].as_bool()); }

Value in_list(Args a, Meter& meter) {
  for (std::size_t i = 0; i < a[1].size(); ++i) {
    if (!meter.spend(1)) break;
    if (equal(a[0], a[1].at(i), meter)) return Value::boolean(true);
  }
  return Value::boolean(false);
}
Value in_map(Args a, Meter&) { return Value::boolean(!a[1].member(a[0]).is_error()); }

Value size_of(Args a, Meter& meter) {
  if (a[0].kind() == Kind::kString) {
    meter.spend(static_cast<std::int64_t>(a[0].as_text().size()) / 10);
  }
  return Value::integer(static_cast<std::int64_t>(a[0].size()));
}

Value int_of_real(Args a, Meter&) {
  double d = a[0].as_double();
  if (!(std::abs(d) < 9.2233720368547e18)) return overflow();
  return Value::integer(static_cast<std::int64_t>(d));
}
Value int_of_text(Args a, Meter&) {
  std::string_view t = a[0].as_text();
  std::int64_t i = 0;
  auto [end, ec] = std::from_chars(t.data(), t.data() + t.size(), i);
  bool whole = ec == std::errc() && end == t.data() + t.size();
  return whole ? Value::integer(i) : Value::error("no integer: \"" + std::string(t) + "\"");
}
Value int_of_time(Args a, Meter&) { return Value::integer(a[0].as_int() / 1'000'000'000); }
Value real_of_number(Args a, Meter&) { return Value::real(a[0].as_double()); }
Value real_of_text(Args a, Meter&) {
  std::string_view t = a[0].as_text();
  double d = 0;
  auto [end, ec] = std::from_chars(t.data(), t.data() + t.size(), d);
  bool whole = ec == std::errc() && end == t.data() + t.size();
  return whole ? Value::real(d) : Value::error("no number: \"" + std::string(t) + "\"");
}
Value text_of_int(Args a, Meter&) { return Value::text(std::to_string(a[0].as_int())); }
Value text_of_bool(Args a, Meter&) { return Value::text(a[0].as_bool() ? "true" : "false"); }
Value text_of_real(Args a, Meter&) {
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, a[0].as_double()).ptr;
  return Value::text(std::string(buffer, end));
}
Value text_of_duration(Args a, Meter&) {
  char buffer[48];
  double seconds = double(a[0].as_int()) / 1e9;
  auto end = std::to_chars(buffer, buffer + sizeof buffer, seconds).ptr;
  return Value::text(std::string(buffer, end) + "s");
}
Value text_of_time(Args a, Meter&) { return Value::text(format_time(WallTime{a[0].as_int()})); }
Value same(Args a, Meter&) { return a[0]; }

Value duration_of(Args a, Meter&) {
  auto ns = parse_go_duration(a[0].as_text());
  return ns ? Value::duration(*ns)
            : Value::error("no duration: \"" + std::string(a[0].as_text()) + "\"");
}
Value timestamp_of(Args a, Meter&) {
  Result<WallTime> time = parse_time(a[0].as_text());
  return time ? Value::timestamp(time->ns)
              : Value::error("no timestamp: \"" + std::string(a[0].as_text()) + "\"");
}
template <std::int64_t Unit>
Value duration_in(Args a, Meter&) {
  return Value::integer(a[0].as_int() / Unit);
}

constexpr Function kTable[] = {
    {"_+_", false, "ii", Kind::kInt, add_int},
    {"_-_", false, "ii", Kind::kInt, subtract_int},
    {"_*_", false, "ii", Kind::kInt, multiply_int},
    {"_/_", false, "ii", Kind::kInt, divide_int},
    {"_%_", false, "ii", Kind::kInt, modulo_int},
    {"-_", false, "i", Kind::kInt, negate_int},
    {"_+_", false, "dd", Kind::kDouble, add_real},
    {"_-_", false, "dd", Kind::kDouble, subtract_real},
    {"_*_", false, "dd", Kind::kDouble, multiply_real},
    {"_/_", false, "dd", Kind::kDouble, divide_real},
    {"-_", false, "d", Kind::kDouble, negate_real},
    {"_+_", false, "ss", Kind::kString, concat_text},
    {"_+_", false, "ll", Kind::kList, concat_list},
    {"_+_", false, "DD", Kind::kDuration, time_sum<Value::duration, false>},
    {"_+_", false, "TD", Kind::kTimestamp, time_sum<Value::timestamp, false>},
    {"_+_", false, "DT", Kind::kTimestamp, time_sum<Value::timestamp, false>},
    {"_-_", false, "DD", Kind::kDuration, time_sum<Value::duration, true>},
    {"_-_", false, "TD", Kind::kTimestamp, time_sum<Value::timestamp, true>},
    {"_-_", false, "TT", Kind::kDuration, time_sum<Value::duration, true>},
    {"_==_", false, "aa", Kind::kBool, equals},
    {"_!=_", false, "aa", Kind::kBool, differs},
    {"!_", false, "b", Kind::kBool, negation},
    {"@in", false, "al", Kind::kBool, in_list},
    {"@in", false, "am", Kind::kBool, in_map},
    {"size", false, "s", Kind::kInt, size_of},
    {"size", false, "l", Kind::kInt, size_of},
    {"size", false, "m", Kind::kInt, size_of},
    {"size", true, "s", Kind::kInt, size_of},
    {"size", true, "l", Kind::kInt, size_of},
    {"size", true, "m", Kind::kInt, size_of},
    {"int", false, "i", Kind::kInt, same},
    {"int", false, "d", Kind::kInt, int_of_real},
    {"int", false, "s", Kind::kInt, int_of_text},
    {"int", false, "T", Kind::kInt, int_of_time},
    {"double", false, "i", Kind::kDouble, real_of_number},
    {"double", false, "d", Kind::kDouble, same},
    {"double", false, "s", Kind::kDouble, real_of_text},
    {"string", false, "s", Kind::kString, same},
    {"string", false, "i", Kind::kString, text_of_int},
    {"string", false, "d", Kind::kString, text_of_real},
    {"string", false, "b", Kind::kString, text_of_bool},
    {"string", false, "D", Kind::kString, text_of_duration},
    {"string", false, "T", Kind::kString, text_of_time},
    {"dyn", false, "a", Kind::kAny, same},
    {"duration", false, "s", Kind::kDuration, duration_of},
    {"duration", false, "D", Kind::kDuration, same},
    {"timestamp", false, "s", Kind::kTimestamp, timestamp_of},
    {"timestamp", false, "T", Kind::kTimestamp, same},
    {"getHours", true, "D", Kind::kInt, duration_in<3'600'000'000'000>},
    {"getMinutes", true, "D", Kind::kInt, duration_in<60'000'000'000>},
    {"getSeconds", true, "D", Kind::kInt, duration_in<1'000'000'000>},
    {"getMilliseconds", true, "D", Kind::kInt, duration_in<1'000'000>},
};

// The four comparisons for every kind that has an order.
std::vector<Function> comparisons() {
  struct Named {
    std::string_view name;
    Call call;
  };
  std::vector<Function> made;
  for (const Named& n : {Named{"_<_", less}, Named{"_<=_", less_equal}, Named{"_>_", greater},
                         Named{"_>=_", greater_equal}}) {
    for (std::string_view pair : {"ii", "dd", "id", "di", "ss", "bb", "DD", "TT"}) {
      made.push_back({n.name, false, pair, Kind::kBool, n.call});
    }
  }
  return made;
}

bool fits(const Function& function, std::span<const Kind> kinds) {
  if (function.signature.size() != kinds.size()) return false;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    char wanted = function.signature[i];
    if (wanted != 'a' && kinds[i] != Kind::kAny && static_cast<char>(kinds[i]) != wanted) {
      return false;
    }
  }
  return true;
}

bool equal_lists(const Value& a, const Value& b, Meter& meter) {
  if (a.size() != b.size()) return false;
  bool any_order = unordered(a) || unordered(b);
  for (std::size_t i = 0; i < a.size(); ++i) {
    Value item = a.at(i);
    bool found = false;
    std::size_t from = any_order ? 0 : i, to = any_order ? b.size() : i + 1;
    for (std::size_t j = from; j < to && !found; ++j) found = equal(item, b.at(j), meter);
    if (!found) return false;
  }
  return true;
}

bool equal_maps(const Value& a, const Value& b, Meter& meter) {
  if (a.size() != b.size()) return false;
  for (const Value& key : a.keys()) {
    Value other = b.member(key);
    if (other.is_error() || !equal(a.member(key), other, meter)) return false;
  }
  return true;
}

}  // namespace

std::span<const Function> functions() {
  static const std::vector<Function> all = [] {
    std::vector<Function> table(std::begin(kTable), std::end(kTable));
    for (const std::vector<Function>& more :
         {comparisons(), text_functions(), list_functions(), quantity_functions()}) {
      table.insert(table.end(), more.begin(), more.end());
    }
    std::stable_sort(table.begin(), table.end(),
                     [](const Function& x, const Function& y) { return x.name < y.name; });
    return table;
  }();
  return all;
}

bool for_each_fit(std::string_view name, bool member, std::span<const Kind> kinds,
                  const std::function<bool(const Function&)>& fn) {
  std::span<const Function> all = functions();
  auto it = std::lower_bound(all.begin(), all.end(), name,
                             [](const Function& f, std::string_view n) { return f.name < n; });
  for (; it != all.end() && it->name == name; ++it) {
    if (it->member == member && fits(*it, kinds) && fn(*it)) return true;
  }
  return false;
}

bool equal(const Value& a, const Value& b, Meter& meter) {
  if (!meter.spend(1)) return false;
  bool numbers = (a.kind() == Kind::kInt || a.kind() == Kind::kDouble) &&
                 (b.kind() == Kind::kInt || b.kind() == Kind::kDouble);
  if (numbers && a.kind() != b.kind()) return a.as_double() == b.as_double();
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kNull:
      return true;
    case Kind::kDouble:
      return a.as_double() == b.as_double();
    case Kind::kString:
      meter.spend(static_cast<std::int64_t>(a.as_text().size()) / 10);
      return a.as_text() == b.as_text();
    case Kind::kList:
      return equal_lists(a, b, meter);
    case Kind::kMap:
      return equal_maps(a, b, meter);
    case Kind::kQuantity:
      return a.as_quantity() == b.as_quantity();
    default:
      return a.as_int() == b.as_int();
  }
}

int compare(const Value& a, const Value& b) {
  auto sign = [](auto x, auto y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (a.kind() == Kind::kString) return sign(a.as_text(), b.as_text());
  if (a.kind() == Kind::kQuantity) return sign(a.as_quantity(), b.as_quantity());
  if (a.kind() == Kind::kDouble || b.kind() == Kind::kDouble) {
    return sign(a.as_double(), b.as_double());
  }
  return sign(a.as_int(), b.as_int());
}

}  // namespace k8s::apiserver::cel
