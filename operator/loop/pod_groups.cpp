#include "operator/loop/pod_groups.hpp"

#include <utility>

#include "libk8s/base/log.hpp"
#include "libk8s/transport/discovery.hpp"

namespace fermi {
namespace {

constexpr k8s::Duration kAskAgain = std::chrono::minutes(5);
constexpr k8s::Duration kAfterError = std::chrono::seconds(2);

}  // namespace

PodGroups::PodGroups(k8s::Loop& loop, k8s::http::Transport& transport,
                     std::function<void(const std::string&)> changed)
    : loop_(loop), transport_(transport), changed_(std::move(changed)), client_(loop, transport) {}

PodGroups::~PodGroups() { loop_.cancel(timer_); }

void PodGroups::start(std::function<void()> settled) {
  when_settled_ = std::move(settled);
  ask();
}

std::shared_ptr<const k8s::PodGroup> PodGroups::get(const std::string& key) const {
  return informer_ ? informer_->get(key) : nullptr;
}

void PodGroups::ask() {
  timer_ = k8s::TimerId::kNone;
  k8s::discover(client_, k8s::Codec<k8s::PodGroup>::resource(),
                [this](const k8s::Result<std::optional<k8s::Resource>>& found) {
                  if (found && *found) return watch(**found);
                  if (found) settle();
                  timer_ = loop_.after(found ? kAskAgain : kAfterError, [this] { ask(); });
                });
}

void PodGroups::watch(const k8s::Resource& resource) {
  k8s::log::info("PodGroups of the cluster are watched", {{"version", resource.version}});
  k8s::InformerOptions options;
  options.resource = resource;
  informer_ = std::make_unique<k8s::Informer<k8s::PodGroup>>(loop_, transport_, options);
  informer_->on_event([this](const k8s::Informer<k8s::PodGroup>::Event& event) {
    const bool same = event.before && event.after && *event.before == *event.after;
    if (!same) changed_((event.after ? event.after : event.before)->meta.key());
  });
  informer_->on_synced([this] { settle(); });
  informer_->start();
  look();
}

// Who may not read them goes on without.
void PodGroups::look() {
  timer_ = k8s::TimerId::kNone;
  if (settled_) return;
  if (informer_->last_error().code() == k8s::Code::kForbidden) return settle();
  timer_ = loop_.after(kAfterError, [this] { look(); });
}

void PodGroups::settle() {
  if (std::exchange(settled_, true)) return;
  when_settled_();
}

}  // namespace fermi
