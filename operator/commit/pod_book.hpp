// PodBook: the Pods of each job as they are known now: what the cache says, what the server
// answered to our own creates, and which of them we have bound or deleted in the meantime.
//
// A Binding and a delete answer without the Pod's new state, so that what they did is remembered by
// uid until the cache shows it. Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libk8s/types/codec.hpp"
#include "libk8s/watch/informer.hpp"
#include "operator/loop/overlay.hpp"

namespace fermi {

class PodBook {
 public:
  // The cache outlives this object. Reads what it holds.
  explicit PodBook(const k8s::Informer<k8s::Pod>& cache);

  // Called with each Pod that is known to be bound before the cache shows it.
  using OnBound = std::function<void(const k8s::Pod&)>;
  void on_bound(OnBound on_bound) { on_bound_ = std::move(on_bound); }

  // Every event of the cache.
  void on_event(const k8s::Informer<k8s::Pod>::Event& event);

  // All Pods that this object controls, in the order of their names.
  std::vector<std::shared_ptr<const k8s::Pod>> controlled_by(const std::string& owner_uid);
  std::shared_ptr<const k8s::Pod> get(const std::string& key);
  // Owners that Pods name as their controller.
  std::vector<std::string> owners() const;

  void observe(k8s::Pod pod);           // an answer of the server
  void forget(const std::string& key);  // the server has no such Pod
  void mark_bound(const std::string& key, const std::string& uid, const std::string& node);
  // `forced`: without waiting for its node.
  void mark_deleted(const std::string& uid, k8s::WallTime at, bool forced) {
    deleted_[uid] = {at, forced};
  }

 private:
  void index(const k8s::Pod& pod);
  std::shared_ptr<const k8s::Pod> with_marks(std::shared_ptr<const k8s::Pod> pod) const;

  OnBound on_bound_;
  Overlay<k8s::Pod> overlay_;
  std::map<std::string, std::set<std::string>> keys_;              // by the controller's uid
  std::map<std::string, std::string> bound_;                       // Pod uid -> node
  std::map<std::string, std::pair<k8s::WallTime, bool>> deleted_;  // Pod uid -> when, forced
};

}  // namespace fermi
