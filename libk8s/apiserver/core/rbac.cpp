#include "libk8s/apiserver/core/rbac.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

using Json = nlohmann::json;
constexpr const char* kGroupSuffix = ".rbac.authorization.k8s.io";

std::string storage(const char* plural) { return std::string(plural) + kGroupSuffix; }

bool contains(const Json& list, std::string_view value) {
  return std::ranges::any_of(list, [&](const Json& entry) {
    return entry.is_string() && (entry == "*" || entry.get_ref<const std::string&>() == value);
  });
}

bool is_subject(const Json& binding, const std::string& user,
                const std::vector<std::string>& groups) {
  for (const Json& subject : array_at(binding, "subjects")) {
    const std::string kind = string_at(subject, "kind");
    const std::string name = string_at(subject, "name");
    if (kind == "User" && name == user) return true;
    if (kind == "Group" && std::ranges::find(groups, name) != groups.end()) return true;
    if (kind == "ServiceAccount" &&
        user == "system:serviceaccount:" + string_at(subject, "namespace") + ":" + name) {
      return true;
    }
  }
  return false;
}

const Json& rules_of(const Core& core, const Json& binding, const std::string& ns) {
  static const Json kNone = Json::array();
  const auto& ref = object_at(binding, "roleRef");
  const bool cluster = string_at(ref, "kind") == "ClusterRole";
  const ObjectPtr role = core.store->get({storage(cluster ? "clusterroles" : "roles"),
                                          cluster ? std::string() : ns, string_at(ref, "name")});
  return role == nullptr ? kNone : array_at(role->json(), "rules");
}

bool path_fits(const Json& urls, const std::string& path) {
  return std::ranges::any_of(urls, [&](const Json& entry) {
    if (!entry.is_string()) return false;
    const std::string& url = entry.get_ref<const std::string&>();
    if (!url.empty() && url.back() == '*') return path.starts_with(url.substr(0, url.size() - 1));
    return url == path;
  });
}

bool rule_allows(const Json& rule, const Access& access) {
  if (!contains(array_at(rule, "verbs"), access.verb)) return false;
  if (!access.path.empty()) return path_fits(array_at(rule, "nonResourceURLs"), access.path);
  if (!contains(array_at(rule, "apiGroups"), access.group)) return false;
  const auto& resources = array_at(rule, "resources");
  const std::string full =
      access.subresource.empty() ? access.resource : access.resource + "/" + access.subresource;
  const bool any_of_sub =
      !access.subresource.empty() && contains(resources, "*/" + access.subresource);
  if (!contains(resources, full) && !any_of_sub) return false;
  const auto& names = array_at(rule, "resourceNames");
  return names.empty() || contains(names, access.name);
}

// Calls `each(binding, rules)` for every binding that names the user; stops when it says true.
template <class Each>
void for_each_binding(const Core& core, const std::string& user,
                      const std::vector<std::string>& groups, const std::string& ns, Each each) {
  for (const auto& [key, binding] : core.store->all(storage("clusterrolebindings"))) {
    if (is_subject(binding->json(), user, groups) &&
        each(binding, rules_of(core, binding->json(), ""))) {
      return;
    }
  }
  if (ns.empty()) return;
  const Objects& bindings = core.store->all(storage("rolebindings"));
  for (auto at = bindings.lower_bound({ns, ""}); at != bindings.end() && at->first.first == ns;
       ++at) {
    if (is_subject(at->second->json(), user, groups) &&
        each(at->second, rules_of(core, at->second->json(), ns))) {
      return;
    }
  }
}

}  // namespace

std::string allowed_by(const Core& core, const Access& access) {
  if (std::ranges::find(access.groups, "system:masters") != access.groups.end()) {
    return "allowed for members of system:masters";
  }
  std::string why;
  for_each_binding(core, access.user, access.groups, access.ns,
                   [&](const ObjectPtr& binding, const Json& rules) {
                     const bool allowed = std::ranges::any_of(
                         rules, [&](const Json& rule) { return rule_allows(rule, access); });
                     if (allowed) why = "RBAC: allowed by binding \"" + binding->id().name + "\"";
                     return allowed;
                   });
  return why;
}

std::vector<Json> rules_for(const Core& core, const std::string& user,
                            const std::vector<std::string>& groups, const std::string& ns) {
  std::vector<Json> found;
  if (std::ranges::find(groups, "system:masters") != groups.end()) {
    found.push_back({{"verbs", {"*"}}, {"apiGroups", {"*"}}, {"resources", {"*"}}});
    found.push_back({{"verbs", {"*"}}, {"nonResourceURLs", {"*"}}});
  }
  for_each_binding(core, user, groups, ns, [&](const ObjectPtr&, const Json& rules) {
    found.insert(found.end(), rules.begin(), rules.end());
    return false;
  });
  return found;
}

}  // namespace k8s::apiserver
