// The guarantees of a watch: ordered, unique, resumable, bookmarkable, filtered, reliable.
#include <gmock/gmock.h>

#include "tests/unit/apiserver/core_bench.hpp"

namespace k8s::apiserver::testing {
namespace {

std::string maps(const std::string& query) { return std::string(kMaps) + "?watch=true&" + query; }
std::string one(const std::string& name) { return std::string(kMaps) + "/" + name; }
void relabel(Bench& bench, const std::string& name, const Json& labels) {
  ASSERT_EQ(bench.merge(one(name), {{"metadata", {{"labels", labels}}}}).status, 200);
}

TEST(Watch, Without_a_version_begins_with_the_present_objects) {
  Bench bench;
  bench.post(kMaps, config_map("a"));
  bench.post(kMaps, config_map("b"));
  const auto stream = bench.watch(maps(""));
  EXPECT_EQ(told(stream), "ADDED a, ADDED b");
  bench.post(kMaps, config_map("c"));
  EXPECT_EQ(told(stream), "ADDED c");
}

TEST(Watch, From_a_version_tells_what_came_strictly_after_it) {
  Bench bench;
  bench.post(kMaps, config_map("a"));
  const std::string version = bench.post(kMaps, config_map("b")).version();
  bench.merge(one("a"), {{"data", {{"k", "v"}}}});
  bench.remove(one("b"));
  const auto stream = bench.watch(maps("resourceVersion=" + version));
  EXPECT_EQ(told(stream), "MODIFIED a, DELETED b");
}

// As kube-apiserver's, it says nothing meanwhile: neither an error nor a bookmark.
TEST(Watch, From_a_version_in_the_future_is_silent_until_then_and_never_tells_of_the_past) {
  Bench bench;
  const std::string now = bench.post(kMaps, config_map("a")).version();
  const auto stream =
      bench.watch(maps("allowWatchBookmarks=true&timeoutSeconds=600&resourceVersion=" +
                       std::to_string(std::stoi(now) + 2)));
  bench.pass(std::chrono::seconds(130));
  EXPECT_EQ(told(stream), "");
  bench.post(kMaps, config_map("b"));
  bench.post(kMaps, config_map("c"));
  bench.post(kMaps, config_map("d"));
  EXPECT_EQ(told(stream), "ADDED d");
}

TEST(Watch, Tells_each_event_once_in_order_with_growing_versions) {
  Bench bench;
  const auto stream = bench.watch(maps("resourceVersion=" + bench.get(kMaps).version()));
  for (int i = 0; i < 50; ++i) {
    bench.post(kMaps, config_map("m" + std::to_string(i)));
    bench.merge(one("m" + std::to_string(i)), {{"data", {{"n", std::to_string(i)}}}});
    if (i % 2) bench.remove(one("m" + std::to_string(i)));
    if (i % 7) continue;
    (void)stream->ended();
  }
  std::uint64_t last = 0;
  std::size_t count = 0;
  for (const Seen& event : seen(stream)) {
    EXPECT_GT(std::stoull(event.version), last);
    last = std::stoull(event.version);
    ++count;
  }
  EXPECT_EQ(count, 50U + 50U + 25U);
}

TEST(Watch, Two_watches_of_one_type_see_the_same) {
  Bench bench;
  const auto left = bench.watch(maps("resourceVersion=1"));
  const auto right = bench.watch(maps("resourceVersion=1"));
  std::string slowly;
  for (int i = 0; i < 5; ++i) {
    bench.post(kMaps, config_map("m" + std::to_string(i)));
    slowly += (i ? ", " : "") + told(right);
  }
  EXPECT_EQ(told(left), slowly);
}

TEST(Watch, Can_be_resumed_after_any_event_without_gap_or_double) {
  Bench bench;
  const std::string start = bench.get(kMaps).version();
  for (int i = 0; i < 6; ++i) bench.post(kMaps, config_map("m" + std::to_string(i)));
  const auto all = seen(bench.watch(maps("resourceVersion=" + start)));
  ASSERT_EQ(all.size(), 6U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto rest = seen(bench.watch(maps("resourceVersion=" + all[i].version)));
    ASSERT_EQ(rest.size(), all.size() - i - 1);
    for (std::size_t j = 0; j < rest.size(); ++j) EXPECT_EQ(rest[j].object, all[i + 1 + j].object);
  }
}

TEST(Watch, Shows_an_object_that_leaves_the_selector_as_DELETED_and_back_as_ADDED) {
  Bench bench;
  bench.post(kMaps, config_map("a", {{"app", "x"}}));
  const auto stream =
      bench.watch(maps("labelSelector=app%3Dx&resourceVersion=" + bench.get(kMaps).version()));
  relabel(bench, "a", {{"app", "y"}});
  const auto left = seen(stream);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].type, "DELETED");
  EXPECT_EQ(left[0].object["metadata"]["labels"]["app"], "x");  // as the watcher knew it
  EXPECT_EQ(left[0].version, bench.get(one("a")).version());    // at the revision of the change
  relabel(bench, "a", {{"other", "1"}});
  EXPECT_EQ(told(stream), "");
  relabel(bench, "a", {{"app", "x"}});
  EXPECT_EQ(told(stream), "ADDED a");
  bench.remove(one("a"));
  EXPECT_EQ(told(stream), "DELETED a");
}

TEST(Watch, Of_Pods_on_one_node_sees_them_arrive_with_their_binding) {
  Bench bench;
  bench.post(kPods, pod("p"));
  const auto stream =
      bench.watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dn1&resourceVersion=0");
  EXPECT_EQ(told(stream), "");
  bench.post(std::string(kPods) + "/p/binding", binding("p", "n1"));
  EXPECT_EQ(told(stream), "ADDED p");
}

TEST(Watch, Of_one_namespace_hears_nothing_of_another) {
  Bench bench;
  const auto stream = bench.watch(maps("resourceVersion=0"));
  int woken = 0;
  (void)stream->take();
  stream->on_ready([&] { ++woken; });
  bench.post("/api/v1/namespaces/kube-system/configmaps", config_map("a"));
  EXPECT_EQ(woken, 0);
  bench.post(kMaps, config_map("b"));
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(told(stream), "ADDED b");
}

TEST(Watch, Shows_a_deletion_with_the_revision_of_the_deletion) {
  Bench bench;
  const std::string made = bench.post(kMaps, config_map("a")).version();
  const auto stream = bench.watch(maps("resourceVersion=" + made));
  bench.remove(one("a"));
  const auto events = seen(stream);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_GT(std::stoi(events[0].version), std::stoi(made));
}

TEST(Watch, That_is_too_old_is_told_by_an_ERROR_event_inside_a_200) {
  Bench bench(":memory:", 3);
  const std::string old = bench.get(kMaps).version();
  for (int i = 0; i < 5; ++i) bench.post(kMaps, config_map("m" + std::to_string(i)));
  const auto stream = bench.watch(maps("resourceVersion=" + old));
  const auto events = seen(stream);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].type, "ERROR");
  EXPECT_EQ(events[0].object["code"], 410);
  EXPECT_EQ(events[0].object["reason"], "Expired");
  EXPECT_TRUE(stream->ended());
}

TEST(Watch, Whose_reader_falls_behind_the_history_ends_with_410_and_not_with_a_gap) {
  Bench bench(":memory:", 3);
  const auto stream = bench.watch(maps("resourceVersion=" + bench.get(kMaps).version()));
  for (int i = 0; i < 3; ++i) bench.post(kMaps, config_map("m" + std::to_string(i)));
  EXPECT_EQ(told(stream), "ADDED m0, ADDED m1, ADDED m2");
  for (int i = 3; i < 8; ++i) bench.post(kMaps, config_map("m" + std::to_string(i)));
  EXPECT_EQ(told(stream), "ERROR");
}

TEST(Watch, Compaction_ends_open_watches_with_410) {
  Bench bench;
  const auto stream = bench.watch(maps("resourceVersion=0"));
  bench.api().compact();
  EXPECT_EQ(told(stream), "ERROR");
  EXPECT_TRUE(stream->ended());
}

TEST(Bookmarks, Come_with_each_period_and_cover_nothing_that_was_not_told) {
  Bench bench;
  const auto stream =
      bench.watch(maps("resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=600"));
  bench.post(kMaps, config_map("a"));
  bench.post("/api/v1/namespaces/kube-system/configmaps", config_map("elsewhere"));
  const std::string last = bench.post(kPods, pod("p")).version();
  bench.pass(std::chrono::seconds(61));
  const auto events = seen(stream);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].name, "a");
  EXPECT_EQ(events[1].type, "BOOKMARK");
  EXPECT_EQ(events[1].version, last);  // the revision of all types, so that idle ones stay fresh
  EXPECT_EQ(events[1].object["kind"], "ConfigMap");
  // Resuming from the bookmark loses nothing.
  bench.post(kMaps, config_map("b"));
  EXPECT_EQ(told(bench.watch(maps("resourceVersion=" + events[1].version))), "ADDED b");
}

TEST(Bookmarks, Come_only_to_those_who_allow_them) {
  Bench bench;
  const auto stream = bench.watch(maps("resourceVersion=0&timeoutSeconds=600"));
  bench.pass(std::chrono::seconds(300));
  EXPECT_EQ(told(stream), "");
}

TEST(Bookmarks, The_last_comes_just_before_the_deadline) {
  Bench bench;
  const auto stream =
      bench.watch(maps("resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=30"));
  bench.pass(std::chrono::seconds(29));
  EXPECT_EQ(told(stream), "BOOKMARK");
  EXPECT_FALSE(stream->ended());
  bench.pass(std::chrono::seconds(2));
  EXPECT_EQ(told(stream), "");
  EXPECT_TRUE(stream->ended());
}

TEST(WatchList, Sends_the_state_then_a_marked_bookmark_then_goes_on) {
  Bench bench;
  bench.post(kMaps, config_map("a"));
  const std::string version = bench.post(kMaps, config_map("b")).version();
  const auto stream = bench.watch(
      maps("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"));
  bench.post(kMaps, config_map("late"));
  const auto events = seen(stream);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[1].name, "b");
  EXPECT_EQ(events[2].type, "BOOKMARK");
  EXPECT_EQ(events[2].version, version);
  EXPECT_EQ(events[2].object["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
  EXPECT_EQ(events[3].name, "late");
}

TEST(WatchList, Of_nothing_is_just_the_marked_bookmark) {
  Bench bench;
  const auto stream = bench.watch(
      maps("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"));
  EXPECT_EQ(told(stream), "BOOKMARK");
}

TEST(WatchList, Refuses_the_parameters_that_Kubernetes_refuses) {
  Bench bench;
  EXPECT_EQ(bench.get(maps("sendInitialEvents=true")).status, 422);
  EXPECT_EQ(bench.get(maps("resourceVersionMatch=NotOlderThan&resourceVersion=1")).status, 422);
}

std::string not_older_than(std::uint64_t version) {
  return maps(
      "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
      "&resourceVersion=" +
      std::to_string(version));
}

TEST(WatchList, From_the_future_ends_after_a_short_wait_with_a_504_inside_a_200) {
  Bench bench;
  const auto now = std::stoull(bench.post(kMaps, config_map("a")).version());
  const auto stream = bench.watch(not_older_than(now + 100));
  bench.pass(std::chrono::seconds(2));
  EXPECT_EQ(told(stream), "");
  EXPECT_FALSE(stream->ended());
  bench.pass(std::chrono::seconds(1));
  const auto events = seen(stream);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_TRUE(stream->ended());
  EXPECT_EQ(events[0].type, "ERROR");
  const Json& status = events[0].object;
  EXPECT_EQ(status["code"], 504);
  EXPECT_EQ(status["reason"], "Timeout");
  EXPECT_EQ(status["message"], "Timeout: Too large resource version: " + std::to_string(now + 100) +
                                   ", current: " + std::to_string(now));
  EXPECT_EQ(status["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
  EXPECT_EQ(status["details"]["retryAfterSeconds"], 1);
}

TEST(WatchList, From_the_near_future_begins_when_the_server_has_come_there) {
  Bench bench;
  const auto now = std::stoull(bench.post(kMaps, config_map("a")).version());
  const auto stream = bench.watch(not_older_than(now + 2));
  int woken = 0;
  stream->on_ready([&] { ++woken; });
  EXPECT_EQ(woken, 0);
  bench.post(kPods, pod("p"));  // another type's writes count as well
  bench.pass(std::chrono::seconds(1));
  EXPECT_EQ(told(stream), "");
  bench.post(kPods, pod("q"));
  bench.pass(std::chrono::seconds(1));
  EXPECT_GT(woken, 0);
  EXPECT_EQ(told(stream), "ADDED a, BOOKMARK");
  bench.post(kMaps, config_map("b"));
  bench.pass(std::chrono::seconds(5));
  EXPECT_EQ(told(stream), "ADDED b");
}

TEST(Watch, Many_objects_come_in_parts_that_the_reader_is_woken_for) {
  Bench bench;
  Json large = config_map("x");
  large["data"]["text"] = std::string(300'000, 'x');
  for (int i = 0; i < 10; ++i) {
    large["metadata"]["name"] = "m" + std::to_string(i);
    ASSERT_EQ(bench.post(kMaps, large).status, 201);
  }
  const auto stream = bench.watch(maps("resourceVersion=0"));
  int woken = 0;
  const std::string first = stream->take();
  EXPECT_LT(first.size(), 2'000'000U);
  stream->on_ready([&] { ++woken; });
  EXPECT_EQ(woken, 1);
  EXPECT_THAT(told(stream), ::testing::HasSubstr("ADDED m9"));
}

TEST(Watch, In_Table_form_names_its_columns_once) {
  Bench bench;
  http::Headers headers;
  headers.set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  const Answer answer = bench.send("GET", maps("resourceVersion=0"), "", "", headers);
  bench.post(kMaps, config_map("a"));
  bench.post(kMaps, config_map("b"));
  const auto events = seen(answer.stream);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].object["kind"], "Table");
  EXPECT_FALSE(events[0].object["columnDefinitions"].empty());
  EXPECT_TRUE(events[1].object.value("columnDefinitions", Json::array()).empty());
}

TEST(Watch, Of_Events_shows_one_store_in_both_its_versions) {
  Bench bench;
  const auto core = bench.watch("/api/v1/events?watch=true&resourceVersion=0");
  const auto newer = bench.watch("/apis/events.k8s.io/v1/events?watch=true&resourceVersion=0");
  const Answer made = bench.post("/api/v1/namespaces/default/events",
                                 {{"metadata", {{"name", "e"}}},
                                  {"involvedObject", {{"kind", "Pod"}, {"namespace", "default"}}},
                                  {"message", "hello"},
                                  {"reason", "Test"},
                                  {"type", "Normal"}});
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(seen(core).at(0).object["message"], "hello");
  const Json other = seen(newer).at(0).object;
  EXPECT_EQ(other["note"], "hello");
  EXPECT_EQ(other["regarding"]["kind"], "Pod");
  EXPECT_EQ(other["apiVersion"], "events.k8s.io/v1");
}

}  // namespace
}  // namespace k8s::apiserver::testing
