#include "scheduler/conflicts/words.hpp"

namespace sched {

// The date by counting days from 1 March of year 0, where leap days come last.
std::string utc(Time at) {
  constexpr std::int64_t kSecond = 1'000'000'000, kDay = 86'400;
  std::int64_t seconds = at.ns / kSecond - (at.ns % kSecond < 0 ? 1 : 0);
  std::int64_t days = seconds / kDay - (seconds % kDay < 0 ? 1 : 0);
  seconds -= days * kDay;
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t of_era = days - era * 146'097;
  const std::int64_t year = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const std::int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const std::int64_t month = (5 * of_year + 2) / 153;
  const std::int64_t day = of_year - (153 * month + 2) / 5 + 1;
  const auto two = [](std::int64_t value) {
    return (value < 10 ? "0" : "") + std::to_string(value);
  };
  return std::to_string(year + era * 400 + (month >= 10 ? 1 : 0)) + "-" +
         two(month < 10 ? month + 3 : month - 9) + "-" + two(day) + " " + two(seconds / 3600) +
         ":" + two(seconds / 60 % 60) + ":" + two(seconds % 60) + " UTC";
}

}  // namespace sched
