// The text of a Pod's /etc/hosts: how names of Pods and Services resolve without a DNS server.
//
//   - the Pod itself: its host name, and its name in its Service when it has a subdomain;
//   - every Pod with hostname and subdomain whose namespace has that Service headless:
//     <hostname>.<subdomain>, also with .<ns>, .<ns>.svc and .<ns>.svc.<domain>;
//   - every Service with a selector: <service>, with the same endings, at each ready Pod behind it
//     (at each Pod, when it publishes addresses that are not ready).
// Forms without the namespace are there for the Pod's own namespace only. A DNS server would name
// Pods of a headless Service once they are ready; here they are named as soon as they have an
// address, as a gang that starts together needs it.
//
// Pure. The order of lines depends on names only, so equal inputs give equal text.
#pragma once

#include <string>
#include <vector>

#include "libk8s/node/node_pod.hpp"

namespace k8s::node {

// A Pod that has an address now.
struct HostEntry {
  const NodePod* pod = nullptr;
  std::string address;
  bool ready = false;
};

// The lines that all Pods of `ns` have in common.
std::string hosts_of_namespace(const std::string& ns, const std::vector<HostEntry>& pods,
                               const std::vector<const Service*>& services,
                               const std::string& domain);

// The whole file for one Pod.
std::string hosts_file(const NodePod& pod, const std::string& address, const std::string& domain,
                       const std::string& of_namespace);

}  // namespace k8s::node
