// The text of a kubeconfig for one cluster, one user and one context.
#pragma once

#include <string>

namespace k8s::apiserver {

struct KubeconfigParts {
  std::string name;  // of the cluster, the user and the context
  std::string url, ca_pem, token;
};

std::string kubeconfig_text(const KubeconfigParts& parts);

}  // namespace k8s::apiserver
