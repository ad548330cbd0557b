#include "libk8s/codec/identity.hpp"

#include <gtest/gtest.h>

#include "libk8s/codec/wire.hpp"

namespace k8s {
namespace {

// metadata {name, namespace, resourceVersion} in field 1, then what is given.
std::string message(const std::string& rest) {
  std::string meta, out;
  wire::append_bytes(meta, 1, "a");
  wire::append_bytes(meta, 3, "ns");
  wire::append_bytes(meta, 6, "12");
  wire::append_bytes(out, 1, meta);
  return out + rest;
}

TEST(Identity, Is_read_from_both_encodings) {
  const auto json =
      identity_of(Encoding::kJson,
                  R"({"spec":7,"metadata":{"name":"a","namespace":"ns","resourceVersion":"12"}})");
  const auto protobuf = identity_of(Encoding::kProtobuf, message(""));
  for (const auto& found : {json, protobuf}) {
    ASSERT_TRUE(found.is_ok());
    EXPECT_EQ(found->key(), "ns/a");
    EXPECT_EQ(found->resource_version, "12");
  }
  EXPECT_EQ(identity_of(Encoding::kJson, R"({"metadata":{"name":"n"}})")->key(), "n");
}

TEST(Identity, Is_read_from_a_message_that_is_broken_behind_its_metadata) {
  EXPECT_EQ(identity_of(Encoding::kProtobuf, message("\xff\xff"))->key(), "ns/a");
}

TEST(Identity, Is_refused_where_there_is_no_name_and_no_byte_does_harm) {
  for (const char* text : {"", "{", "7", "{}", R"({"metadata":7})", R"({"metadata":{"name":7}})"})
    EXPECT_EQ(identity_of(Encoding::kJson, text).status().code(), Code::kMalformed) << text;
  const std::string whole = message("");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(identity_of(Encoding::kProtobuf, whole.substr(0, size)).is_ok()) << size;
}

}  // namespace
}  // namespace k8s
