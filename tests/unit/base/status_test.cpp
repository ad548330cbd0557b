#include "libk8s/base/status.hpp"

#include <gtest/gtest.h>

#include "libk8s/base/log.hpp"

namespace k8s {
namespace {

TEST(Status, Every_code_says_what_to_do_next) {
  EXPECT_EQ(Status().next(), Next::kNothing);
  EXPECT_EQ(Status(Code::kInvalid, "").next(), Next::kFixInput);
  EXPECT_EQ(Status(Code::kConflict, "").next(), Next::kReread);
  EXPECT_EQ(Status(Code::kUnknownOutcome, "").next(), Next::kReread);
  EXPECT_EQ(Status(Code::kGone, "").next(), Next::kRelist);
  EXPECT_EQ(Status(Code::kTooLargeVersion, "").next(), Next::kRelist);
  EXPECT_EQ(Status(Code::kUnavailable, "").next(), Next::kRetry);
  EXPECT_EQ(Status(Code::kUnsupported, "").next(), Next::kGiveUp);
}

TEST(Status, Its_text_names_code_sentence_and_HTTP_status) {
  Status status(Code::kNotFound, "pods \"a\" not found");
  EXPECT_EQ(status.with_http(404).to_string(), "NotFound: pods \"a\" not found (HTTP 404)");
  EXPECT_EQ(Status().to_string(), "Ok");
}

TEST(Result, It_holds_a_value_or_the_reason_why_not) {
  Result<int> good = 7;
  ASSERT_TRUE(good.is_ok());
  EXPECT_EQ(*good, 7);
  EXPECT_TRUE(good.status().is_ok());
  const Result<int> bad = Status(Code::kGone, "too old");
  EXPECT_FALSE(bad.is_ok());
  EXPECT_EQ(bad.status().code(), Code::kGone);
}

TEST(Log, Errors_are_counted_even_when_nothing_is_printed) {
  log::set_level(log::Level::kOff);
  const long before = log::error_count();
  log::error("told", {{"key", "value\nwith a line end"}});
  log::warn("told");
  EXPECT_EQ(log::error_count(), before + 1);
  log::set_level(log::Level::kInfo);
}

}  // namespace
}  // namespace k8s
