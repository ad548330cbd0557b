#include "operator/ledger/shard.hpp"

#include <utility>

#include "libk8s/codec/json.hpp"
#include "operator/api/meta.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

std::string line_of(const std::string& key, const Json& value) {
  return k8s::json_text(Json::array({key, value}));
}

void read_line(std::string_view line, LedgerShard& out) {
  auto parsed = k8s::parse_json(line);
  const bool good =
      parsed && parsed->is_array() && parsed->size() == 2 && parsed->front().is_string();
  if (good)
    out.records[parsed->front().get<std::string>()] = std::move(parsed->back());
  else
    ++out.unreadable;
}

}  // namespace

std::string ledger_shard_name(std::string_view store, std::size_t shard) {
  return "fermi-ledger-" + std::string(store) + "-" + std::to_string(shard);
}

k8s::Result<LedgerShard> decode_ledger_shard(const Json& object) {
  auto meta = read_meta(object);
  if (!meta) return meta.status();
  LedgerShard out{std::move(*meta), {}, 0};
  const std::string text = k8s::string_at(k8s::object_at(object, "data"), "records");
  for (std::string_view left = text; !left.empty();) {
    const std::string_view line = left.substr(0, left.find('\n'));
    if (!line.empty()) read_line(line, out);
    left.remove_prefix(std::min(line.size() + 1, left.size()));
  }
  return out;
}

std::string ledger_text(const LedgerRecords& records) {
  std::string out;
  for (const auto& [key, value] : records) out += line_of(key, value) + "\n";
  return out;
}

std::size_t ledger_bytes(const std::string& key, const Json& value) {
  return line_of(key, value).size() + 1;
}

}  // namespace fermi
