#include "libk8s/node/hosts.hpp"

#include <algorithm>
#include <cctype>
#include <set>

namespace k8s::node {
namespace {

// All forms of "<name>" in a Service's domain, the longest first as tools expect the full name.
std::string forms(const std::string& name, const std::string& ns, const std::string& domain,
                  bool own_namespace) {
  const std::string svc = name + "." + ns + ".svc";
  std::string out = svc + "." + domain + " " + svc + " " + name + "." + ns;
  if (own_namespace) out += " " + name;
  return out;
}

// A name that could end its line or another would be an injection; such Pods get no line.
bool plain(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
  });
}

bool plain_address(const std::string& address) {
  return !address.empty() && std::all_of(address.begin(), address.end(), [](unsigned char c) {
    return std::isxdigit(c) != 0 || c == ':' || c == '.';
  });
}

}  // namespace

std::string hosts_of_namespace(const std::string& ns, const std::vector<HostEntry>& pods,
                               const std::vector<const Service*>& services,
                               const std::string& domain) {
  std::set<std::string> headless;  // "ns/name"
  for (const Service* service : services) {
    if (service->headless) headless.insert(service->meta.key());
  }
  std::set<std::string> lines;
  for (const HostEntry& entry : pods) {
    const NodePod& pod = *entry.pod;
    const std::string& of = pod.meta().ns;
    if (!pod.hostname.empty() && plain(pod.hostname) && plain(pod.subdomain) &&
        headless.contains(of + "/" + pod.subdomain)) {
      lines.insert(entry.address + "\t" +
                   forms(pod.hostname + "." + pod.subdomain, of, domain, of == ns));
    }
  }
  for (const Service* service : services) {
    for (const HostEntry& entry : pods) {
      if (!selects(*service, entry.pod->base)) continue;
      if (!entry.ready && !service->publish_not_ready) continue;
      const std::string& of = service->meta.ns;
      lines.insert(entry.address + "\t" + forms(service->meta.name, of, domain, of == ns));
    }
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string hosts_file(const NodePod& pod, const std::string& address, const std::string& domain,
                       const std::string& of_namespace) {
  std::string text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  text += address + "\t";
  if (!pod.subdomain.empty() && plain(pod.subdomain)) {
    text += pod.host_name() + "." + pod.subdomain + "." + pod.meta().ns + ".svc." + domain + " ";
  }
  text += pod.host_name() + "\n";
  for (const auto& [alias, names] : pod.host_aliases) {
    if (!plain_address(alias)) continue;
    std::string line = alias;
    for (const std::string& name : names) {
      if (plain(name)) line += "\t" + name;
    }
    text += line + "\n";
  }
  return text + of_namespace;
}

}  // namespace k8s::node
