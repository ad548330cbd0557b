#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/list_stream.hpp"
#include "libk8s/codec/watch_stream.hpp"
#include "libk8s/codec/wire.hpp"

namespace k8s {
namespace {

// What came out of a list or a watch, as text, and how it ended.
struct Outcome {
  std::vector<std::string> items;
  Status status;
  ListMeta meta;
};

Outcome read_list(Encoding encoding, std::string_view bytes, std::size_t chunk,
                  std::size_t limit = 1 << 20) {
  Outcome out;
  ListStream stream(encoding, limit);
  for (std::size_t i = 0; i < bytes.size() && out.status; i += chunk) {
    out.status = stream.feed(bytes.substr(i, chunk), [&](std::string_view object) {
      out.items.emplace_back(object);
      return Status();
    });
  }
  if (out.status) out.status = stream.finish();
  out.meta = stream.meta();
  return out;
}

std::string protobuf_list(const std::vector<std::string>& objects) {
  std::string meta, list;
  wire::append_bytes(meta, 1, "");
  wire::append_bytes(meta, 2, "4711");
  wire::append_bytes(meta, 3, "next");
  wire::append_varint(meta, 4 << 3);
  wire::append_varint(meta, 300);
  wire::append_bytes(list, 1, meta);
  for (const auto& object : objects) wire::append_bytes(list, 2, object);
  return wrap("v1", "PodList", list);
}

const std::string kJsonList =
    R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"4711","continue":"next","remainingItemCount":300},)"
    R"("items":[{"a":"]}\"["}, {"b":[{"c":{}}]} ,{}]})";

TEST(ListStream, A_JSON_list_gives_the_same_objects_however_it_is_cut) {
  for (std::size_t chunk = 1; chunk <= kJsonList.size(); ++chunk) {
    const auto out = read_list(Encoding::kJson, kJsonList, chunk);
    ASSERT_TRUE(out.status.is_ok()) << out.status.to_string();
    const std::vector<std::string> expected = {R"({"a":"]}\"["})", R"({"b":[{"c":{}}]})", "{}"};
    ASSERT_EQ(out.items, expected) << chunk;
    EXPECT_EQ(out.meta.resource_version, "4711");
    EXPECT_EQ(out.meta.continue_token, "next");
    EXPECT_EQ(out.meta.remaining_item_count, 300);
  }
}

TEST(ListStream, A_protobuf_list_gives_the_same_objects_however_it_is_cut) {
  const std::vector<std::string> objects = {"first", "", std::string(5000, 'x'), "last"};
  const std::string bytes = protobuf_list(objects);
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7},
                                  std::size_t{100}, std::size_t{4999}, bytes.size()}) {
    const auto out = read_list(Encoding::kProtobuf, bytes, chunk);
    ASSERT_TRUE(out.status.is_ok()) << out.status.to_string();
    ASSERT_EQ(out.items, objects) << chunk;
    EXPECT_EQ(out.meta.resource_version, "4711");
    EXPECT_EQ(out.meta.continue_token, "next");
    EXPECT_EQ(out.meta.remaining_item_count, 300);
  }
}

TEST(ListStream, Metadata_may_come_after_the_items) {
  const auto out = read_list(
      Encoding::kJson, R"({"items":[{"a":1}],"kind":"L","metadata":{"resourceVersion":"9"}})", 5);
  EXPECT_TRUE(out.status.is_ok());
  EXPECT_EQ(out.meta.resource_version, "9");
  EXPECT_EQ(out.items.size(), 1U);
}

TEST(ListStream, Empty_lists_are_lists) {
  for (const std::string_view text :
       {R"({"metadata":{},"items":[]})", R"({"metadata":{},"items":null})", "{}"}) {
    const auto out = read_list(Encoding::kJson, text, 3);
    EXPECT_TRUE(out.status.is_ok()) << text << out.status.to_string();
    EXPECT_TRUE(out.items.empty());
  }
  EXPECT_TRUE(read_list(Encoding::kProtobuf, protobuf_list({}), 3).status.is_ok());
}

TEST(ListStream, A_list_that_breaks_off_is_malformed_at_every_byte) {
  for (std::size_t size = 0; size < kJsonList.size(); ++size)
    EXPECT_EQ(read_list(Encoding::kJson, kJsonList.substr(0, size), 16).status.code(),
              Code::kMalformed)
        << size;
  const std::string bytes = protobuf_list({"one", "two"});
  // The last four bytes are the empty fields after the list; without them it is still whole.
  for (std::size_t size = 0; size + 4 < bytes.size(); ++size)
    EXPECT_EQ(read_list(Encoding::kProtobuf, bytes.substr(0, size), 16).status.code(),
              Code::kMalformed)
        << size;
}

TEST(ListStream, What_is_no_list_is_malformed) {
  for (const std::string_view text :
       {"[]", "{]", R"({"items":{}})", R"({"items":[1]})", R"({"items":[{} {}]})",
        R"({"items":[{},]})", R"({"a" 1})", R"({"metadata":{"x":}})", "{}x", R"({,})"})
    EXPECT_EQ(read_list(Encoding::kJson, text, 4).status.code(), Code::kMalformed) << text;
  EXPECT_EQ(read_list(Encoding::kProtobuf, "k8s!xxxx", 4).status.code(), Code::kMalformed);
  EXPECT_EQ(read_list(Encoding::kJson, R"({"items":[)" + std::string(300, '['), 7).status.code(),
            Code::kMalformed);
  EXPECT_EQ(
      read_list(Encoding::kJson, R"({"items":[{"a":)" + std::string(300, '['), 7).status.code(),
      Code::kMalformed);
}

TEST(ListStream, An_object_above_the_limit_is_refused_before_it_is_whole) {
  const std::string json = R"({"items":[{"a":")" + std::string(500, 'x');
  EXPECT_EQ(read_list(Encoding::kJson, json, 50, 100).status.code(), Code::kMalformed);
  const std::string bytes = protobuf_list({std::string(500, 'x')});
  EXPECT_EQ(read_list(Encoding::kProtobuf, bytes.substr(0, 60), 50, 100).status.code(),
            Code::kMalformed);
}

TEST(ListStream, An_error_of_the_receiver_is_final) {
  ListStream stream(Encoding::kJson);
  int calls = 0;
  const auto refuse = [&](std::string_view) {
    ++calls;
    return Status(Code::kCancelled, "enough");
  };
  EXPECT_EQ(stream.feed(R"({"items":[{},{}]})", refuse).code(), Code::kCancelled);
  EXPECT_EQ(stream.feed("{}", refuse).code(), Code::kCancelled);
  EXPECT_EQ(stream.finish().code(), Code::kCancelled);
  EXPECT_EQ(calls, 1);
}

TEST(ListStream, Random_bytes_never_do_harm) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string bytes = protobuf_list({"one", std::string(300, 'y'), "two"});
  for (int i = 0; i < 20'000; ++i) {
    std::string broken = i % 2 == 0 ? bytes : kJsonList;
    for (std::uint64_t k = random() % 4 + 1; k > 0; --k)
      broken[random() % broken.size()] = static_cast<char>(random());
    (void)read_list(i % 2 == 0 ? Encoding::kProtobuf : Encoding::kJson, broken, random() % 40 + 1);
  }
}

std::string frame(std::string_view type, std::string_view object, std::string_view kind = "Pod") {
  std::string extension, event;
  wire::append_bytes(extension, 1, wrap("v1", kind, object));
  wire::append_bytes(event, 1, type);
  wire::append_bytes(event, 2, extension);
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(event.size() >> shift & 0xff);
  return out + event;
}

// "TYPE object [resourceVersion] [end]" for each event.
Outcome read_watch(Encoding encoding, std::string_view bytes, std::size_t chunk,
                   std::size_t limit = 1 << 20) {
  static constexpr std::string_view kNames[] = {"ADDED",    "MODIFIED", "DELETED",
                                                "BOOKMARK", "ERROR",    "?"};
  Outcome out;
  WatchStream stream(encoding, limit);
  for (std::size_t i = 0; i < bytes.size() && out.status; i += chunk) {
    out.status = stream.feed(bytes.substr(i, chunk), [&](const WatchEvent& event) {
      out.items.push_back(std::string(kNames[static_cast<std::size_t>(event.type)]) + " " +
                          std::string(event.object) + std::string(event.resource_version) +
                          (event.initial_events_end ? " end" : ""));
      return Status();
    });
  }
  if (out.status) out.status = stream.finish();
  return out;
}

TEST(WatchStream, JSON_lines_become_events_however_they_are_cut) {
  const std::string text =
      R"({"type":"ADDED","object":{"a":"}\"{"}})"
      "\n"
      R"({ "object": {"b": [1, 2]} , "type": "MODIFIED" })"
      "\n\n"
      R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"12","annotations":{"k8s.io/initial-events-end":"true"}}}})"
      "\n"
      R"({"type":"ERROR","object":{"kind":"Status","code":410}})"
      "\n"
      R"({"type":"NEW","object":{}})"
      "\n";
  const std::vector<std::string> expected = {R"(ADDED {"a":"}\"{"})", R"(MODIFIED {"b": [1, 2]})",
                                             "BOOKMARK 12 end",
                                             R"(ERROR {"kind":"Status","code":410})", "? {}"};
  for (std::size_t chunk = 1; chunk <= text.size(); ++chunk) {
    const auto out = read_watch(Encoding::kJson, text, chunk);
    ASSERT_TRUE(out.status.is_ok()) << out.status.to_string();
    ASSERT_EQ(out.items, expected) << chunk;
  }
}

TEST(WatchStream, Protobuf_frames_become_the_same_events) {
  std::string annotation, meta, bookmark, status;
  wire::append_bytes(annotation, 1, "k8s.io/initial-events-end");
  wire::append_bytes(annotation, 2, "true");
  wire::append_bytes(meta, 6, "12");
  wire::append_bytes(meta, 12, annotation);
  wire::append_bytes(bookmark, 1, meta);
  wire::append_bytes(status, 3, "too old");
  wire::append_bytes(status, 4, "Expired");
  wire::append_varint(status, 6 << 3);
  wire::append_varint(status, 410);
  const std::string bytes = frame("ADDED", "one") + frame("DELETED", std::string(300, 'x')) +
                            frame("BOOKMARK", bookmark) + frame("ERROR", status, "Status");
  for (std::size_t chunk = 1; chunk <= bytes.size(); ++chunk) {
    const auto out = read_watch(Encoding::kProtobuf, bytes, chunk);
    ASSERT_TRUE(out.status.is_ok()) << out.status.to_string();
    ASSERT_EQ(out.items.size(), 4U);
    EXPECT_EQ(out.items[0], "ADDED one");
    EXPECT_EQ(out.items[1], "DELETED " + std::string(300, 'x'));
    EXPECT_EQ(out.items[2], "BOOKMARK 12 end");
    const auto error = parse_json(std::string_view(out.items[3]).substr(6));
    ASSERT_TRUE(error.is_ok()) << out.items[3];
    EXPECT_EQ(int_at(*error, "code"), 410);
    EXPECT_EQ(string_at(*error, "reason"), "Expired");
  }
}

TEST(WatchStream, A_stream_may_end_between_events_but_not_inside_one) {
  EXPECT_TRUE(
      read_watch(Encoding::kJson, "{\"type\":\"ADDED\",\"object\":{}}\n", 9).status.is_ok());
  EXPECT_EQ(read_watch(Encoding::kJson, "{\"type\":\"ADDED\",", 9).status.code(), Code::kMalformed);
  const std::string bytes = frame("ADDED", "one");
  EXPECT_TRUE(read_watch(Encoding::kProtobuf, bytes, 9).status.is_ok());
  EXPECT_EQ(read_watch(Encoding::kProtobuf, bytes.substr(0, bytes.size() - 1), 9).status.code(),
            Code::kMalformed);
}

TEST(WatchStream, What_is_no_event_is_malformed) {
  for (const std::string_view text :
       {"x\n", "[]\n", "{\"type\":\"ADDED\"}\n", "{\"type\" \"ADDED\"}\n", "{} {}\n",
        "{\"type\":\"BOOKMARK\",\"object\":{\"a\":}}\n", "{\"a\":1\n", "{,\n"})
    EXPECT_EQ(read_watch(Encoding::kJson, text, 4).status.code(), Code::kMalformed) << text;
  EXPECT_EQ(read_watch(Encoding::kProtobuf, std::string("\xff\xff\xff\xff", 4), 4).status.code(),
            Code::kMalformed);
  EXPECT_EQ(read_watch(Encoding::kProtobuf, std::string("\0\0\0\1\7", 5), 4).status.code(),
            Code::kMalformed);
  EXPECT_EQ(read_watch(Encoding::kJson, std::string(500, ' '), 50, 100).status.code(),
            Code::kMalformed);
}

TEST(WatchStream, Random_bytes_never_do_harm) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string bytes = frame("ADDED", "one") + frame("ERROR", "\x1a\x03xyz", "Status");
  const std::string text =
      "{\"type\":\"ADDED\",\"object\":{\"a\":[1,\"x\"]}}\n{\"type\":\"BOOKMARK\",\"object\":{"
      "\"metadata\":{}}}\n";
  for (int i = 0; i < 20'000; ++i) {
    std::string broken = i % 2 == 0 ? bytes : text;
    for (std::uint64_t k = random() % 4 + 1; k > 0; --k)
      broken[random() % broken.size()] = static_cast<char>(random());
    (void)read_watch(i % 2 == 0 ? Encoding::kProtobuf : Encoding::kJson, broken, random() % 40 + 1);
  }
}

}  // namespace
}  // namespace k8s
