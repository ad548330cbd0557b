// The functions and operators of the CEL subset. Internal to the CEL interpreter.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "libk8s/apiserver/schema/cel_value.hpp"

namespace k8s::apiserver::cel {

// What is left of an evaluation's budget; below zero it has ended.
struct Meter {
  std::int64_t& budget;
  bool spend(std::int64_t units) { return (budget -= units) >= 0; }
};

using Call = Value (*)(std::span<const Value> args, Meter& meter);

// One overload. `signature` has one letter of Kind for each argument, the receiver first.
struct Function {
  std::string_view name;
  bool member;  // receiver.name(...)
  std::string_view signature;
  Kind result;
  Call call;
};

std::span<const Function> functions();

// Overloads that fit kinds (kAny fits all); calls `fn` for each until it says true.
bool for_each_fit(std::string_view name, bool member, std::span<const Kind> kinds,
                  const std::function<bool(const Function&)>& fn);

// Deep equality; sets and keyed lists compare without regard to order.
bool equal(const Value& a, const Value& b, Meter& meter);
// -1, 0, 1; only for kinds that have an order.
int compare(const Value& a, const Value& b);

}  // namespace k8s::apiserver::cel
