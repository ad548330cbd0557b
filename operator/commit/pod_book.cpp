#include "operator/commit/pod_book.hpp"

#include <utility>

namespace fermi {

using PodRef = std::shared_ptr<const k8s::Pod>;

PodBook::PodBook(const k8s::Informer<k8s::Pod>& cache) : overlay_(cache) {
  cache.for_each([this](const PodRef& pod) { index(*pod); });
}

void PodBook::index(const k8s::Pod& pod) {
  const k8s::OwnerReference* owner = pod.meta.controller();
  // Only our jobs' Pods: a cluster has many others, and their owners are never asked about.
  if (owner != nullptr && owner->kind == "TrainingJob") keys_[owner->uid].insert(pod.meta.key());
}

void PodBook::on_event(const k8s::Informer<k8s::Pod>::Event& event) {
  if (event.after != nullptr) {
    index(*event.after);
    if (!event.after->node_name.empty()) bound_.erase(event.after->meta.uid);
    const auto marked = deleted_.find(event.after->meta.uid);
    if (marked != deleted_.end() && !marked->second.second && event.after->meta.deleting())
      deleted_.erase(marked);
    return;
  }
  bound_.erase(event.before->meta.uid);
  deleted_.erase(event.before->meta.uid);
  const k8s::OwnerReference* owner = event.before->meta.controller();
  const auto of_owner = owner == nullptr ? keys_.end() : keys_.find(owner->uid);
  if (of_owner == keys_.end()) return;
  of_owner->second.erase(event.before->meta.key());
  if (of_owner->second.empty()) keys_.erase(of_owner);
}

PodRef PodBook::with_marks(PodRef pod) const {
  const auto bound = bound_.find(pod->meta.uid);
  const auto deleted = deleted_.find(pod->meta.uid);
  const bool show_node = bound != bound_.end() && pod->node_name.empty();
  const bool forced = deleted != deleted_.end() && deleted->second.second;
  const bool show_deletion =
      deleted != deleted_.end() && (!pod->meta.deleting() || pod->meta.deletion_grace_seconds != 0);
  if (!show_node && !show_deletion) return pod;
  k8s::Pod copy = *pod;
  if (show_node) copy.node_name = bound->second;
  if (show_deletion) copy.meta.deletion_time = deleted->second.first;
  if (show_deletion && forced) copy.meta.deletion_grace_seconds = 0;
  return std::make_shared<const k8s::Pod>(std::move(copy));
}

PodRef PodBook::get(const std::string& key) {
  PodRef pod = overlay_.get(key);
  return pod == nullptr ? pod : with_marks(std::move(pod));
}

std::vector<PodRef> PodBook::controlled_by(const std::string& owner_uid) {
  std::vector<PodRef> out;
  const auto found = keys_.find(owner_uid);
  if (found == keys_.end()) return out;
  auto& keys = found->second;
  for (auto key = keys.begin(); key != keys.end();) {
    PodRef pod = get(*key);
    const k8s::OwnerReference* owner = pod == nullptr ? nullptr : pod->meta.controller();
    if (owner == nullptr || owner->uid != owner_uid) {
      key = keys.erase(key);
      continue;
    }
    out.push_back(std::move(pod));
    ++key;
  }
  if (keys.empty()) keys_.erase(found);
  return out;
}

std::vector<std::string> PodBook::owners() const {
  std::vector<std::string> out;
  for (const auto& [uid, keys] : keys_) out.push_back(uid);
  return out;
}

void PodBook::observe(k8s::Pod pod) {
  index(pod);
  const bool bound = pod.occupies();
  const auto seen = std::make_shared<const k8s::Pod>(std::move(pod));
  overlay_.observe(seen);
  if (bound && on_bound_) on_bound_(*seen);
}

void PodBook::mark_bound(const std::string& key, const std::string& uid, const std::string& node) {
  bound_[uid] = node;
  const PodRef pod = get(key);
  if (on_bound_ && pod != nullptr && pod->meta.uid == uid && pod->occupies()) on_bound_(*pod);
}

void PodBook::forget(const std::string& key) { overlay_.forget(key); }

}  // namespace fermi
