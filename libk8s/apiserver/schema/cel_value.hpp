// CelValue: what an expression is worth. Internal to the CEL interpreter.
//
// Values of an object under validation are views into its JSON, typed by its schema; they must not
// outlive the evaluation. Errors are values, so that `||` and `&&` can pass over them.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libk8s/apiserver/schema/schema.hpp"
#include "libk8s/codec/quantity.hpp"

namespace k8s::apiserver::cel {

// Also the letters of signatures (functions.hpp).
enum class Kind : char {
  kAny = 'a',  // in signatures, and for what is known only at run time
  kError = 'e',
  kNull = 'n',
  kBool = 'b',
  kInt = 'i',
  kDouble = 'd',
  kString = 's',
  kList = 'l',
  kMap = 'm',  // maps and objects
  kDuration = 'D',
  kTimestamp = 'T',
  kQuantity = 'Q',
};

std::string_view name(Kind kind);

class Value;
using Items = std::vector<Value>;
using Entries = std::vector<std::pair<Value, Value>>;

class Value {
 public:
  Value() = default;  // null
  static Value error(std::string message);
  static Value boolean(bool b);
  static Value integer(std::int64_t i);
  static Value real(double d);
  static Value text(std::string owned);
  static Value text_view(std::string_view view);
  static Value list(Items items);
  static Value map(Entries entries);
  static Value duration(std::int64_t ns);
  static Value timestamp(std::int64_t ns);
  static Value quantity(Quantity quantity);
  static Value view(const Json& json, const Schema& schema);

  Kind kind() const { return kind_; }
  bool is_error() const { return kind_ == Kind::kError; }
  bool is(bool b) const { return kind_ == Kind::kBool && (number_ != 0) == b; }

  bool as_bool() const { return number_ != 0; }
  std::int64_t as_int() const { return number_; }  // also nanoseconds
  double as_double() const { return kind_ == Kind::kDouble ? real_ : double(number_); }
  std::string_view as_text() const { return view_; }  // also the message of an error
  const Quantity& as_quantity() const { return quantity_; }

  // Elements of a list, entries of a map, characters of a text.
  std::size_t size() const;
  Value at(std::size_t i) const;  // list element
  // The keys of a map, for iteration.
  Items keys() const;
  // The value under a key of a map or a property of an object; an error value when absent.
  Value member(const Value& key) const;
  Value member(std::string_view key) const;
  bool has(std::string_view key) const;

 private:
  explicit Value(Kind kind) : kind_(kind) {}

  Kind kind_ = Kind::kNull;
  std::int64_t number_ = 0;
  double real_ = 0;
  std::string_view view_;
  std::shared_ptr<const std::string> owned_;
  std::shared_ptr<const Items> items_;
  std::shared_ptr<const Entries> entries_;
  const Json* json_ = nullptr;  // of list and map views
  const Schema* schema_ = nullptr;
  Quantity quantity_;

  friend bool unordered(const Value& list);
};

// Whether the list is a set or keyed by its elements: its order means nothing.
bool unordered(const Value& list);

// The name of a property as CEL spells it ("__dash__" for "-", ...), undone.
std::string unescaped(std::string_view name);

}  // namespace k8s::apiserver::cel
