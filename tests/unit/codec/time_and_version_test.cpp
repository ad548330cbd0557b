#include <gtest/gtest.h>

#include "libk8s/codec/resource_version.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s {
namespace {

TEST(Time, Seconds_micros_and_offsets_are_read) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z")->ns, 0);
  EXPECT_EQ(parse_time("2001-09-09T01:46:40Z")->ns, 1'000'000'000'000'000'000);
  EXPECT_EQ(parse_time("1970-01-01T00:00:01.5Z")->ns, 1'500'000'000);
  EXPECT_EQ(parse_time("1970-01-01T00:00:00.000001Z")->ns, 1000);
  EXPECT_EQ(parse_time("1970-01-01T01:00:00+01:00")->ns, 0);
  EXPECT_EQ(parse_time("1969-12-31T19:00:00-05:00")->ns, 0);
  EXPECT_EQ(parse_time("1969-12-31T23:59:59.9Z")->ns, -100'000'000);
  EXPECT_EQ(parse_time("1970-01-01T00:00:00.1234567899999Z")->ns, 123'456'789);
  EXPECT_EQ(parse_time("2016-12-31T23:59:60Z")->ns, parse_time("2017-01-01T00:00:00Z")->ns);
}

TEST(Time, Writing_gives_back_what_was_read) {
  for (const std::string text : {"2026-02-28T23:59:59Z", "2024-02-29T00:00:00Z",
                                 "1969-07-20T20:17:40Z", "2261-12-31T23:59:59Z"})
    EXPECT_EQ(format_time(*parse_time(text)), text);
  EXPECT_EQ(format_micro_time({1'234'567'890}), "1970-01-01T00:00:01.234567Z");
  EXPECT_EQ(format_nano_time({1'234'567'890}), "1970-01-01T00:00:01.234567890Z");
  EXPECT_EQ(format_micro_time({-1}), "1969-12-31T23:59:59.999999Z");
}

TEST(Time, What_is_no_time_is_refused) {
  for (const std::string_view text :
       {"", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
        "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "2026-01-01T00:00:00Zx",
        "2026-01-01T00:00:00+25:00", "yesterday"})
    EXPECT_EQ(parse_time(text).status().code(), Code::kInvalid) << text;
}

TEST(ResourceVersion, Longer_is_newer_then_digit_by_digit) {
  EXPECT_EQ(compare_versions("9", "10"), std::strong_ordering::less);
  EXPECT_EQ(compare_versions("123", "122"), std::strong_ordering::greater);
  EXPECT_EQ(compare_versions("7", "7"), std::strong_ordering::equal);
  EXPECT_EQ(compare_versions("340282366920938463463374607431768211455",
                             "340282366920938463463374607431768211454"),
            std::strong_ordering::greater);
}

TEST(ResourceVersion, Without_comparable_numbers_only_equality_counts) {
  EXPECT_EQ(compare_versions("abc", "abc"), std::strong_ordering::equal);
  EXPECT_EQ(compare_versions("abc", "7"), std::nullopt);
  EXPECT_EQ(compare_versions("007", "8"), std::nullopt);
  EXPECT_EQ(compare_versions("", "8"), std::nullopt);
  EXPECT_TRUE(has_passed("11", "9"));
  EXPECT_FALSE(has_passed("9", "11"));
  EXPECT_FALSE(has_passed("abc", "7"));
}

}  // namespace
}  // namespace k8s
