#include "libk8s/http/message.hpp"

#include <gtest/gtest.h>

namespace k8s::http {
namespace {

TEST(Headers, Names_compare_without_regard_to_case) {
  Headers headers;
  headers.add("Content-Type", "a");
  headers.add("content-type", "b");
  EXPECT_EQ(headers.get("CONTENT-TYPE"), "a");
  headers.set("CoNtEnT-tYpE", "c");
  EXPECT_EQ(headers.fields.size(), 1U);
  EXPECT_EQ(headers.get("content-type"), "c");
  EXPECT_EQ(headers.get("accept"), "");
}

TEST(Percent, Everything_but_plain_letters_is_encoded_and_comes_back) {
  EXPECT_EQ(percent_encoded("a-b_c.d~e/f g&h=\xc3\xa4"), "a-b_c.d~e%2Ff%20g%26h%3D%C3%A4");
  EXPECT_EQ(percent_decoded("a%2Fb%20c", false), "a/b c");
  EXPECT_EQ(percent_decoded("a+b", false), "a+b");
  EXPECT_EQ(percent_decoded("a+b", true), "a b");
}

TEST(Percent, Broken_escapes_are_kept) {
  EXPECT_EQ(percent_decoded("100%", false), "100%");
  EXPECT_EQ(percent_decoded("%4", false), "%4");
  EXPECT_EQ(percent_decoded("%zz", false), "%zz");
}

// A transport that answers what it is told, when it is told.
struct OneAnswer final : Transport {
  Handler handler;
  ExchangeId start(Request, Handler given) override {
    handler = std::move(given);
    return ExchangeId{1};
  }
  void cancel(ExchangeId) override {}
};

TEST(Fetch, The_parts_of_an_answer_are_gathered) {
  OneAnswer transport;
  int calls = 0;
  fetch(transport, {}, [&](Result<Response> response) {
    ++calls;
    ASSERT_TRUE(response.is_ok());
    EXPECT_EQ(response->status, 404);
    EXPECT_EQ(response->headers.get("x"), "1");
    EXPECT_EQ(response->body, "one two");
  });
  Headers headers;
  headers.add("X", "1");
  transport.handler.on_head(404, headers);
  transport.handler.on_data("one ");
  transport.handler.on_data("two");
  transport.handler.on_end(Status());
  EXPECT_EQ(calls, 1);
}

TEST(Fetch, A_cut_answer_is_the_error_and_nothing_of_what_came) {
  OneAnswer transport;
  Code code = Code::kOk;
  fetch(transport, {}, [&](Result<Response> response) { code = response.status().code(); });
  transport.handler.on_data("half");
  transport.handler.on_end(Status(Code::kUnknownOutcome, "cut"));
  EXPECT_EQ(code, Code::kUnknownOutcome);
}

}  // namespace
}  // namespace k8s::http
