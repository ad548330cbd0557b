#include "libk8s/request/request.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "libk8s/codec/encoding.hpp"
#include "libk8s/codec/wire.hpp"

namespace k8s {
namespace {

using nlohmann::json;
using std::chrono::seconds;

const Resource kJobs{"batch.example.com", "v1alpha1", "jobs", "Job", true};

TEST(Request, Paths_name_group_version_namespace_and_object) {
  EXPECT_EQ(request::get(resources::pods(), "ns", "a").target, "/api/v1/namespaces/ns/pods/a");
  EXPECT_EQ(request::get(resources::nodes(), "ignored", "n1").target, "/api/v1/nodes/n1");
  EXPECT_EQ(request::get(kJobs, "ns", "a").target,
            "/apis/batch.example.com/v1alpha1/namespaces/ns/jobs/a");
  EXPECT_EQ(request::list(resources::pods(), "", {}).target, "/api/v1/pods");
  EXPECT_EQ(request::post(resources::pods(), "ns", "a", "binding", json::object()).target,
            "/api/v1/namespaces/ns/pods/a/binding");
}

TEST(Request, Names_from_outside_cannot_change_the_path) {
  EXPECT_EQ(request::get(resources::pods(), "ns", "../secrets/x?y=z").target,
            "/api/v1/namespaces/ns/pods/..%2Fsecrets%2Fx%3Fy%3Dz");
}

TEST(Request, A_list_carries_its_options) {
  ListOptions options;
  options.label_selector = "a in (b,c)";
  options.resource_version = "0";
  options.resource_version_match = "NotOlderThan";
  options.limit = 500;
  EXPECT_EQ(
      request::list(resources::pods(), "ns", options).target,
      "/api/v1/namespaces/ns/pods?labelSelector=a%20in%20%28b%2Cc%29&limit=500&resourceVersion=0"
      "&resourceVersionMatch=NotOlderThan");
}

TEST(Request, A_continued_list_sends_no_resourceVersion) {
  ListOptions options;
  options.continue_token = "tok==";
  options.resource_version = "77";
  options.resource_version_match = "Exact";
  EXPECT_EQ(request::list(resources::pods(), "", options).target,
            "/api/v1/pods?continue=tok%3D%3D");
}

TEST(Request, A_watch_asks_for_bookmarks_and_has_no_overall_limit) {
  WatchOptions options;
  options.resource_version = "5";
  options.timeout = seconds(300);
  const auto watch = request::watch(resources::pods(), "", options);
  EXPECT_EQ(
      watch.target,
      "/api/v1/pods?watch=true&resourceVersion=5&allowWatchBookmarks=true&timeoutSeconds=300");
  EXPECT_EQ(watch.timeout.count(), 0);
}

TEST(Request, WatchList_asks_for_initial_events_not_older_than) {
  WatchOptions options;
  options.send_initial_events = true;
  options.protobuf = true;
  const auto watch = request::watch(resources::pods(), "", options);
  EXPECT_EQ(watch.target,
            "/api/v1/pods?watch=true&allowWatchBookmarks=true&sendInitialEvents=true"
            "&resourceVersionMatch=NotOlderThan");
  EXPECT_EQ(watch.headers.get("accept"), kAcceptProtobufWatch);
}

TEST(Request, Patches_have_their_types_and_apply_its_manager) {
  const auto type = [](PatchType t) {
    return std::string(
        request::patch(kJobs, "ns", "a", "status", t, json::object()).headers.get("Content-Type"));
  };
  EXPECT_EQ(type(PatchType::kJson), "application/json-patch+json");
  EXPECT_EQ(type(PatchType::kMerge), "application/merge-patch+json");
  EXPECT_EQ(type(PatchType::kStrategicMerge), "application/strategic-merge-patch+json");
  EXPECT_EQ(type(PatchType::kApply), "application/apply-patch+yaml");
  WriteOptions options{.field_manager = "me", .force = true, .dry_run = true};
  const auto apply = request::patch(kJobs, "ns", "a", "", PatchType::kApply, {{"x", 1}}, options);
  EXPECT_EQ(apply.method, "PATCH");
  EXPECT_EQ(apply.target,
            "/apis/batch.example.com/v1alpha1/namespaces/ns/jobs/"
            "a?fieldManager=me&dryRun=All&force=true");
  EXPECT_EQ(apply.body, R"({"x":1})");
  WriteOptions none_unknown;
  none_unknown.strict = true;
  const auto strict = request::create(kJobs, "ns", {{"x", 1}}, none_unknown);
  EXPECT_NE(strict.target.find("/jobs?fieldValidation=Strict"), std::string::npos) << strict.target;
  // Force means nothing to the other patch types, and the server refuses it there.
  EXPECT_EQ(
      request::patch(kJobs, "ns", "a", "", PatchType::kMerge, {}, options).target.find("force"),
      std::string::npos);
}

TEST(Request, A_delete_carries_its_preconditions) {
  const auto remove = request::remove(
      resources::pods(), "ns", "a",
      {.uid = "u1", .resource_version = "9", .propagation = "Foreground", .grace_seconds = 0});
  EXPECT_EQ(remove.method, "DELETE");
  EXPECT_EQ(json::parse(remove.body), json::parse(R"({"kind":"DeleteOptions","apiVersion":"v1",
      "preconditions":{"uid":"u1","resourceVersion":"9"},"propagationPolicy":"Foreground","gracePeriodSeconds":0})"));
}

http::Response answer(int status, std::string reason, std::string message = "words",
                      json details = json::object()) {
  http::Response response;
  response.status = status;
  response.body =
      json{{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Failure"}, {"code", status},
           {"reason", reason}, {"message", message}, {"details", details}}
          .dump();
  return response;
}

TEST(Answer, Every_HTTP_status_says_what_to_do_next) {
  const std::vector<std::tuple<int, std::string, Code, Next>> table = {
      {400, "BadRequest", Code::kInvalid, Next::kFixInput},
      {401, "Unauthorized", Code::kUnauthorized, Next::kRetry},
      {403, "Forbidden", Code::kForbidden, Next::kFixInput},
      {404, "NotFound", Code::kNotFound, Next::kGiveUp},
      {405, "MethodNotAllowed", Code::kUnsupported, Next::kGiveUp},
      {409, "AlreadyExists", Code::kAlreadyExists, Next::kReread},
      {409, "Conflict", Code::kConflict, Next::kReread},
      {410, "Expired", Code::kGone, Next::kRelist},
      {415, "UnsupportedMediaType", Code::kUnsupported, Next::kGiveUp},
      {422, "Invalid", Code::kInvalid, Next::kFixInput},
      {429, "TooManyRequests", Code::kTooManyRequests, Next::kRetry},
      {500, "InternalError", Code::kInternal, Next::kRetry},
      {501, "NotImplemented", Code::kUnsupported, Next::kGiveUp},
      {503, "ServiceUnavailable", Code::kUnavailable, Next::kRetry},
      {504, "Timeout", Code::kUnknownOutcome, Next::kReread},
  };
  for (const auto& [http, reason, code, next] : table) {
    const Status status = to_status(answer(http, reason));
    EXPECT_EQ(status.code(), code) << http << " " << reason;
    EXPECT_EQ(status.next(), next) << http << " " << reason;
    EXPECT_EQ(status.http_status(), http);
    EXPECT_EQ(status.reason(), reason);
    EXPECT_EQ(status.message(), "words");
  }
  EXPECT_TRUE(to_status(http::Response{201, {}, "{}"}).is_ok());
}

TEST(Answer, A_version_the_server_has_not_reached_is_told_from_a_timeout) {
  const json cause = {{"causes", {{{"reason", "ResourceVersionTooLarge"}, {"message", "m"}}}},
                      {"retryAfterSeconds", 1}};
  const Status named =
      to_status(answer(504, "Timeout", "Too large resource version: 9, current: 5", cause));
  EXPECT_EQ(named.code(), Code::kTooLargeVersion);
  EXPECT_EQ(named.retry_after(), seconds(1));
  EXPECT_EQ(to_status(answer(429, "TooManyRequests", "x", cause)).code(), Code::kTooLargeVersion);
  EXPECT_EQ(to_status(answer(504, "Timeout", "Timeout: Too large resource version: 9, current: 5"))
                .code(),
            Code::kTooLargeVersion);
}

TEST(Answer, Retry_After_is_read_from_the_header_first) {
  auto response = answer(429, "TooManyRequests", "slow", {{"retryAfterSeconds", 9}});
  EXPECT_EQ(to_status(response).retry_after(), seconds(9));
  response.headers.add("retry-after", "2");
  EXPECT_EQ(to_status(response).retry_after(), seconds(2));
  response.headers.set("retry-after", "99999999");
  EXPECT_EQ(to_status(response).retry_after(), seconds(3600));
  response.headers.set("retry-after", "-1");
  EXPECT_EQ(to_status(response).retry_after(), seconds(9));
  EXPECT_FALSE(to_status(answer(500, "InternalError")).retry_after().has_value());
}

TEST(Answer, Text_of_a_proxy_becomes_part_of_the_sentence) {
  const Status status = to_status(http::Response{502, {}, "<html>\nbad gateway"});
  EXPECT_EQ(status.code(), Code::kUnknownOutcome);
  EXPECT_EQ(status.message(), "the server answered 502: <html> bad gateway");
  EXPECT_EQ(to_status(http::Response{404, {}, ""}).message(), "the server answered 404");
}

TEST(Answer, A_protobuf_Status_reads_as_the_JSON_one) {
  std::string details, status;
  wire::append_bytes(details, 1, "a");
  wire::append_varint(details, 5 << 3);
  wire::append_varint(details, 3);
  wire::append_bytes(status, 2, "Failure");
  wire::append_bytes(status, 3, "slow down");
  wire::append_bytes(status, 4, "TooManyRequests");
  wire::append_bytes(status, 5, details);
  wire::append_varint(status, 6 << 3);
  wire::append_varint(status, 429);
  const Status read = to_status(http::Response{429, {}, wrap("v1", "Status", status)});
  EXPECT_EQ(read.code(), Code::kTooManyRequests);
  EXPECT_EQ(read.message(), "slow down");
  EXPECT_EQ(read.retry_after(), seconds(3));
}

TEST(Answer, An_ERROR_event_needs_a_Status_object) {
  EXPECT_EQ(to_status(json::parse(
                          R"({"kind":"Status","code":410,"reason":"Expired","message":"too old"})"))
                .code(),
            Code::kGone);
  EXPECT_EQ(to_status(json::parse(R"({"kind":"Pod"})")).code(), Code::kMalformed);
  EXPECT_EQ(to_status(json(nullptr)).code(), Code::kMalformed);
}

TEST(Answer, JSON_of_an_answer_is_bounded) {
  EXPECT_EQ((*to_json(http::Response{200, {}, R"({"a":1})"}))["a"], 1);
  EXPECT_EQ(to_json(http::Response{200, {}, "{"}).status().code(), Code::kMalformed);
  EXPECT_EQ(to_json(http::Response{200, {}, std::string(9999, '[')}).status().code(),
            Code::kMalformed);
  EXPECT_EQ(to_json(http::Response{404, {}, ""}).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace k8s
