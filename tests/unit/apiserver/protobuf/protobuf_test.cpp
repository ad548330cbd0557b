#include "libk8s/apiserver/protobuf/protobuf.hpp"

#include <gmock/gmock.h>

#include "libk8s/codec/encoding.hpp"
#include "tests/unit/apiserver/schema/random_value.hpp"
#include "tests/unit/apiserver/schema/worked.hpp"

namespace k8s::apiserver::test {
namespace {

TEST(Protobuf, A_small_object_has_the_bytes_that_Kubernetes_writes) {
  Json map = yaml("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: v}}");
  Result<std::string> bytes = protobuf::encode(map);
  ASSERT_TRUE(bytes.is_ok());
  Result<Unwrapped> envelope = unwrap(*bytes);
  ASSERT_TRUE(envelope.is_ok());
  EXPECT_EQ(envelope->kind, "ConfigMap");
  // data (2): {1: "k", 2: "v"}; metadata (1): {1: "a"}. Order is free.
  EXPECT_EQ(envelope->message, std::string_view("\x12\x06\x0a\x01k\x12\x01v"
                                                "\x0a\x03\x0a\x01"
                                                "a"));
}

TEST(Protobuf, Quantities_times_and_int_or_string_are_messages_of_their_own) {
  Json pod = yaml(R"(
{apiVersion: v1, kind: Pod, metadata: {name: a, creationTimestamp: "2026-01-01T00:00:00Z"},
 spec: {containers: [{name: c, resources: {requests: {cpu: 500m}},
                      livenessProbe: {httpGet: {port: http}}, readinessProbe: {tcpSocket: {port: 80}}}],
        volumes: [{name: v, emptyDir: {sizeLimit: 1Gi}}]}})");
  Result<std::string> bytes = protobuf::encode(pod);
  ASSERT_TRUE(bytes.is_ok()) << bytes.status().to_string();
  EXPECT_EQ(*protobuf::decode(*bytes), pod);
}

TEST(Protobuf, Only_kinds_that_can_be_written_whole_are_encodable) {
  EXPECT_TRUE(protobuf::encodable("v1", "Pod"));
  EXPECT_TRUE(protobuf::encodable("v1", "PodList"));
  EXPECT_TRUE(protobuf::encodable("v1", "Status"));
  EXPECT_TRUE(protobuf::encodable("events.k8s.io/v1", "EventList"));
  EXPECT_FALSE(protobuf::encodable("apiextensions.k8s.io/v1", "CustomResourceDefinition"));
  EXPECT_FALSE(protobuf::encodable("example.com/v1", "Thing"));
  EXPECT_EQ(protobuf::encode(Json{{"apiVersion", "x/v1"}, {"kind", "Y"}}).status().http_status(),
            406);
}

// Every property of a message has a number, or stands in a message that has one.
void expect_whole(const Schema& schema, std::set<const Schema*>& seen, const std::string& path) {
  if (!seen.insert(&schema).second) return;
  std::set<std::string> inside;
  for (const Field& part : schema.inlined) {
    EXPECT_GT(part.number, 0) << path;
    expect_whole(*part.schema, seen, path);
    for (const auto& [key, field] : part.schema->properties) inside.insert(key);
  }
  for (const auto& [key, field] : schema.properties) {
    bool envelope = field.number == 0 && (key == "apiVersion" || key == "kind");
    EXPECT_TRUE(field.number > 0 || envelope || inside.contains(key)) << path << "." << key;
    EXPECT_NE(field.schema->type, Type::kNumber) << path << "." << key;
    expect_whole(*field.schema, seen, path + "." + key);
  }
  if (schema.items != nullptr) expect_whole(*schema.items, seen, path + "[]");
}

TEST(Protobuf, No_field_of_an_encodable_kind_is_without_a_number) {
  for (const kinds::Kind& kind : kinds::all()) {
    std::set<const Schema*> seen;
    if (kind.protobuf) expect_whole(kinds::rules(kind)->schema(), seen, kind.kind);
  }
}

TEST(Protobuf, Random_objects_of_every_kind_come_back_as_they_went) {
  for (const kinds::Kind& kind : kinds::all()) {
    if (!kind.protobuf) continue;
    for (unsigned seed = 1; seed <= 40; ++seed) {
      RandomValue random(seed);
      Json object = random.of(kinds::rules(kind)->schema(), 0);
      object["apiVersion"] = kind.api_version();
      object["kind"] = kind.kind;
      Result<std::string> bytes = protobuf::encode(object);
      ASSERT_TRUE(bytes.is_ok()) << kind.kind << " seed " << seed << " "
                                 << bytes.status().message();
      Result<Json> back = protobuf::decode(*bytes);
      ASSERT_TRUE(back.is_ok()) << kind.kind << " seed " << seed;
      ASSERT_EQ(*back, object) << kind.kind << " seed " << seed << " "
                               << Json::diff(object, *back).dump();
    }
  }
}

TEST(Protobuf, A_watch_event_is_a_frame_around_an_enveloped_object) {
  Json pod = yaml("{apiVersion: v1, kind: Pod, metadata: {name: a}}");
  Result<std::string> frame = protobuf::encode_watch_event("ADDED", pod);
  ASSERT_TRUE(frame.is_ok());
  std::size_t length = 0;
  for (int i = 0; i < 4; ++i) {
    length = length << 8 | static_cast<unsigned char>((*frame)[static_cast<std::size_t>(i)]);
  }
  EXPECT_EQ(length + 4, frame->size());
  EXPECT_EQ(frame->substr(4, 7),
            "\x0a\x05"
            "ADDED");
}

TEST(Protobuf, A_list_is_its_metadata_and_its_items) {
  Json a = yaml("{metadata: {name: a}}"), b = yaml("{metadata: {name: b}}");
  Result<std::string> bytes =
      protobuf::encode_list("v1", "PodList", {{"resourceVersion", "9"}}, {&a, &b});
  ASSERT_TRUE(bytes.is_ok());
  EXPECT_EQ(unwrap(*bytes)->message, std::string_view("\x0a\x03\x12\x01"
                                                      "9"
                                                      "\x12\x05\x0a\x03\x0a\x01"
                                                      "a"
                                                      "\x12\x05\x0a\x03\x0a\x01"
                                                      "b"));
  Json whole = {{"apiVersion", "v1"},
                {"kind", "PodList"},
                {"metadata", {{"resourceVersion", "9"}}},
                {"items", {a, b}}};
  EXPECT_EQ(*protobuf::encode(whole), *bytes);
}

TEST(Protobuf, Broken_bytes_are_a_bad_request) {
  EXPECT_EQ(protobuf::decode("nonsense").status().http_status(), 400);
  Json pod = yaml("{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {x: z}}}");
  std::string bytes = *protobuf::encode(pod);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string bent = bytes;
    bent[i] = static_cast<char>(bent[i] ^ 0x5A);
    (void)protobuf::decode(bent);
    (void)protobuf::decode(bytes.substr(0, i));
  }
}

}  // namespace
}  // namespace k8s::apiserver::test
