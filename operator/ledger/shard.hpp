// LedgerShard: one ConfigMap of the ledger, as records. A record is a key and a JSON value; each is
// a line of its own under data.records, in the order of the keys, so that people can read it:
//
//   ["default/work",{"2026-03-01":{"a100":"12.50"}}]
//
// Lines that cannot be read are left out, and counted. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "libk8s/request/request.hpp"
#include "libk8s/types/meta.hpp"
#include "libk8s/watch/codec.hpp"

namespace fermi {

// Which ConfigMaps are the ledger's; the value is the name of the store.
inline constexpr const char* kLedgerLabel = "fermi-cluster.com/ledger";

using LedgerRecords = std::map<std::string, nlohmann::json>;

struct LedgerShard {
  k8s::ObjectMeta meta;
  LedgerRecords records;
  std::size_t unreadable = 0;
};

// "fermi-ledger-costs-3"
std::string ledger_shard_name(std::string_view store, std::size_t shard);

k8s::Result<LedgerShard> decode_ledger_shard(const nlohmann::json& object);
// What stands under data.records.
std::string ledger_text(const LedgerRecords& records);
// The size of one record's line.
std::size_t ledger_bytes(const std::string& key, const nlohmann::json& value);

}  // namespace fermi

template <>
struct k8s::Codec<fermi::LedgerShard> : k8s::JsonCodec<fermi::LedgerShard> {
  static Resource resource() { return resources::config_maps(); }
  static Result<fermi::LedgerShard> from_json(const nlohmann::json& object) {
    return fermi::decode_ledger_shard(object);
  }
};
