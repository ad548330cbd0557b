#include <nlohmann/json.hpp>

#include "libk8s/apiserver/table/columns.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::table {
namespace {

Column made(std::string name, Cell cell, int priority = 0, std::string type = "string") {
  return {std::move(name), std::move(type), "", "", priority, std::move(cell)};
}

Column count_column(std::string name, std::vector<const char*> parts) {
  return made(
      std::move(name),
      [parts = std::move(parts)](const Json& o, WallTime) {
        std::size_t count = 0;
        for (const char* part : parts) count += at(o, {part}).size();
        return count;
      },
      0, "integer");
}

// "RWO,ROX".
Column modes_column(std::vector<std::string> path) {
  return made("Access Modes", [path = std::move(path)](const Json& o, WallTime) {
    static const std::pair<std::string_view, const char*> kShort[] = {{"ReadWriteOnce", "RWO"},
                                                                      {"ReadOnlyMany", "ROX"},
                                                                      {"ReadWriteMany", "RWX"},
                                                                      {"ReadWriteOncePod", "RWOP"}};
    std::vector<std::string> parts;
    for (const Json& mode : at(o, path)) {
      for (const auto& [name, abbreviation] : kShort) {
        if (mode == name) parts.emplace_back(abbreviation);
      }
    }
    return joined(parts, "");
  });
}

std::string claim_status(const Json& claim) {
  if (object_at(claim, "metadata").contains("deletionTimestamp")) return "Terminating";
  return string_at(object_at(claim, "status"), "phase");
}

Columns claim_columns() {
  return {name_column(),
          made("Status", [](const Json& o, WallTime) { return claim_status(o); }),
          text_column("Volume", {"spec", "volumeName"}),
          text_column("Capacity", {"status", "capacity", "storage"}),
          modes_column({"status", "accessModes"}),
          text_column("StorageClass", {"spec", "storageClassName"}),
          text_column("VolumeAttributesClass", {"spec", "volumeAttributesClassName"}, "<unset>"),
          age_column(),
          text_column("VolumeMode", {"spec", "volumeMode"}, "<unset>", 1)};
}

Columns volume_columns() {
  return {name_column(),
          text_column("Capacity", {"spec", "capacity", "storage"}),
          modes_column({"spec", "accessModes"}),
          text_column("Reclaim Policy", {"spec", "persistentVolumeReclaimPolicy"}),
          made("Status", [](const Json& o, WallTime) { return claim_status(o); }),
          made("Claim",
               [](const Json& o, WallTime) -> Json {
                 const Json& claim = at(o, {"spec", "claimRef"});
                 if (!claim.is_object()) return "";
                 return string_at(claim, "namespace") + "/" + string_at(claim, "name");
               }),
          text_column("StorageClass", {"spec", "storageClassName"}),
          text_column("VolumeAttributesClass", {"spec", "volumeAttributesClassName"}, "<unset>"),
          text_column("Reason", {"status", "reason"}),
          age_column(),
          text_column("VolumeMode", {"spec", "volumeMode"}, "<unset>", 1)};
}

// "cpu: 1/4, pods: 3/10" of a quota, for the resources that `limits` says.
std::string quota_text(const Json& quota, bool limits) {
  const Json& hard = at(quota, {"status", "hard"});
  const Json& used = at(quota, {"status", "used"});
  std::string text;
  if (!hard.is_object()) return text;
  for (const auto& [name, amount] : hard.items()) {
    if (std::string_view(name).starts_with("limits.") != limits) continue;
    text += (text.empty() ? "" : ", ") + name + ": " + string_at(used, name, "0") + "/" +
            (amount.is_string() ? amount.get<std::string>() : amount.dump());
  }
  return text;
}

// Names of the subjects of one kind.
Column subjects_column(std::string name, std::string kind) {
  return made(
      std::move(name),
      [kind = std::move(kind)](const Json& o, WallTime) {
        std::vector<std::string> parts;
        for (const Json& s : array_at(o, "subjects")) {
          if (string_at(s, "kind") != kind) continue;
          std::string ns = string_at(s, "namespace");
          parts.push_back((ns.empty() ? "" : ns + "/") + string_at(s, "name"));
        }
        return joined(parts, "");
      },
      1);
}

Columns binding_columns() {
  return {name_column(),
          made("Role",
               [](const Json& o, WallTime) {
                 const Json& role = object_at(o, "roleRef");
                 return string_at(role, "kind") + "/" + string_at(role, "name");
               }),
          age_column(),
          subjects_column("Users", "User"),
          subjects_column("Groups", "Group"),
          subjects_column("ServiceAccounts", "ServiceAccount")};
}

}  // namespace

Columns storage_columns(std::string_view kind) {
  if (kind == "PersistentVolumeClaim") return claim_columns();
  if (kind == "PersistentVolume") return volume_columns();
  if (kind == "Secret") {
    return {name_column(), text_column("Type", {"type"}), count_column("Data", {"data"}),
            age_column()};
  }
  if (kind == "ConfigMap") {
    return {name_column(), count_column("Data", {"data", "binaryData"}), age_column()};
  }
  if (kind == "ResourceQuota") {
    return {name_column(),
            made("Request", [](const Json& o, WallTime) { return quota_text(o, false); }),
            made("Limit", [](const Json& o, WallTime) { return quota_text(o, true); }),
            age_column()};
  }
  return {};
}

Columns access_columns(std::string_view kind) {
  if (kind == "ServiceAccount") {
    return {name_column(), count_column("Secrets", {"secrets"}), age_column()};
  }
  if (kind == "RoleBinding" || kind == "ClusterRoleBinding") return binding_columns();
  if (kind == "PodDisruptionBudget") {
    return {name_column(), text_column("Min Available", {"spec", "minAvailable"}, "N/A"),
            text_column("Max Unavailable", {"spec", "maxUnavailable"}, "N/A"),
            made(
                "Allowed Disruptions",
                [](const Json& o, WallTime) {
                  return int_at(object_at(o, "status"), "disruptionsAllowed");
                },
                0, "integer"),
            age_column()};
  }
  if (kind == "PriorityClass") {
    return {name_column(),
            made(
                "Value", [](const Json& o, WallTime) { return int_at(o, "value"); }, 0, "integer"),
            made(
                "Global-Default",
                [](const Json& o, WallTime) { return bool_at(o, "globalDefault"); }, 0, "boolean"),
            age_column(), text_column("PreemptionPolicy", {"preemptionPolicy"})};
  }
  return {};
}

}  // namespace k8s::apiserver::table
