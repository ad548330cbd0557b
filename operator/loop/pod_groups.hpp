// PodGroups: the native PodGroups of the cluster, where it has such a kind.
//
// Discovery says whether, and in which version; asked again every few minutes while it does not, so
// that a kind which is turned on later needs no restart. Belongs to the caches of a leader.
// Threads: the loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "libk8s/base/loop.hpp"
#include "libk8s/transport/client.hpp"
#include "libk8s/types/pod_group.hpp"
#include "libk8s/watch/informer.hpp"

namespace fermi {

class PodGroups {
 public:
  // `changed` is called with the key of a group that came, went or is another.
  PodGroups(k8s::Loop& loop, k8s::http::Transport& transport,
            std::function<void(const std::string& key)> changed);
  ~PodGroups();
  PodGroups(const PodGroups&) = delete;
  PodGroups& operator=(const PodGroups&) = delete;

  // `settled` is called once: what there is is known, or there is no such kind.
  void start(std::function<void()> settled);
  bool settled() const { return settled_; }
  std::shared_ptr<const k8s::PodGroup> get(const std::string& key) const;

 private:
  void ask();
  void watch(const k8s::Resource& resource);
  void look();
  void settle();

  k8s::Loop& loop_;
  k8s::http::Transport& transport_;
  std::function<void(const std::string&)> changed_;
  std::function<void()> when_settled_;
  bool settled_ = false;
  k8s::TimerId timer_ = k8s::TimerId::kNone;
  k8s::Client client_;
  std::unique_ptr<k8s::Informer<k8s::PodGroup>> informer_;
};

}  // namespace fermi
