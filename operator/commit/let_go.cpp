#include "operator/commit/let_go.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "libk8s/request/request.hpp"
#include "operator/api/task_queue.hpp"
#include "operator/api/training_job.hpp"
#include "operator/commit/writer.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;
namespace request = k8s::request;

constexpr std::size_t kAtOnce = 16;
constexpr int kTries = 5;

bool is_ours(const Json& finalizer) {
  return finalizer == kTaskFinalizer || finalizer == kQueueFinalizer;
}

struct Run : std::enable_shared_from_this<Run> {
  Run(k8s::Client& c, LetGoOptions o, std::function<void(LetGoReport)> d)
      : client(c), options(std::move(o)), done(std::move(d)) {}

  k8s::Client& client;
  LetGoOptions options;
  std::function<void(LetGoReport)> done;
  LetGoReport report;

  void begin() {
    if (options.force) return jobs();
    client.call(request::get(k8s::resources::leases(), options.ns, options.lease_name),
                [self = shared_from_this()](const k8s::Result<Json>& lease) {
                  if (lease && self->is_held(*lease)) return self->done(self->report);
                  const bool none = lease.status().code() == k8s::Code::kNotFound;
                  if (!lease && !none) {
                    self->report.error = "the lease could not be read: " + lease.status().message();
                    return self->done(self->report);
                  }
                  self->jobs();
                });
  }

  bool is_held(const Json& lease) {
    const Json& spec = k8s::object_at(lease, "spec");
    const std::string holder = k8s::string_at(spec, "holderIdentity");
    const auto renewed = k8s::parse_time(k8s::string_at(spec, "renewTime"));
    const auto lasts = std::chrono::seconds(k8s::int_at(spec, "leaseDurationSeconds"));
    if (holder.empty() || !renewed || client.loop().wall_now() - *renewed > lasts) return false;
    report.error = "\"" + holder + "\" still leads; stop it first (kubectl -n " + options.ns +
                   " delete deployment fermi), or say --force";
    return true;
  }

  void jobs() {
    each(training_jobs(), &LetGoReport::jobs, [self = shared_from_this()] {
      self->each(task_queues(), &LetGoReport::queues, [self] { self->done(self->report); });
    });
  }

  // Every object of a kind that carries a finalizer of ours.
  void each(const k8s::Resource& resource, std::int64_t LetGoReport::*count,
            std::function<void()> then) {
    client.call(request::list(resource, "", {}), [self = shared_from_this(), resource, count,
                                                  then = std::move(then)](k8s::Result<Json> list) {
      if (!list) {
        // Without the definition there is nothing of the kind.
        if (list.status().code() != k8s::Code::kNotFound) self->failed(list.status());
        return then();
      }
      auto items = std::make_shared<std::vector<Json>>();
      for (const Json& item : k8s::array_at(*list, "items")) {
        const Json& all = k8s::array_at(k8s::object_at(item, "metadata"), "finalizers");
        if (std::any_of(all.begin(), all.end(), is_ours)) items->push_back(item);
      }
      in_batches(
          items->size(), kAtOnce,
          [self, resource, count, items](std::size_t i, std::function<void(bool)> next) {
            self->take_off(resource, (*items)[i], count, kTries, std::move(next));
          },
          then);
    });
  }

  void take_off(const k8s::Resource& resource, const Json& object, std::int64_t LetGoReport::*count,
                int tries, std::function<void(bool)> next) {
    const Json& meta = k8s::object_at(object, "metadata");
    Json left = Json::array();
    for (const Json& finalizer : k8s::array_at(meta, "finalizers"))
      if (!is_ours(finalizer)) left.push_back(finalizer);
    const std::string ns = k8s::string_at(meta, "namespace"), name = k8s::string_at(meta, "name");
    const Json patch = {{"metadata",
                         {{"uid", k8s::string_at(meta, "uid")},
                          {"resourceVersion", k8s::string_at(meta, "resourceVersion")},
                          {"finalizers", left}}}};
    client.call(request::patch(resource, ns, name, "", k8s::PatchType::kMerge, patch),
                [self = shared_from_this(), resource, ns, name, count, tries,
                 next = std::move(next)](const k8s::Result<Json>& answer) {
                  if (answer) ++(self->report.*count);
                  if (answer || answer.status().code() == k8s::Code::kNotFound) return next(true);
                  if (answer.status().next() == k8s::Next::kReread && tries > 1)
                    return self->look_again(resource, ns, name, count, tries - 1, next);
                  self->failed(answer.status());
                  next(true);
                });
  }

  void look_again(const k8s::Resource& resource, const std::string& ns, const std::string& name,
                  std::int64_t LetGoReport::*count, int tries, std::function<void(bool)> next) {
    client.call(request::get(resource, ns, name),
                [self = shared_from_this(), resource, count, tries,
                 next = std::move(next)](const k8s::Result<Json>& read) {
                  if (read) return self->take_off(resource, *read, count, tries, next);
                  if (read.status().code() != k8s::Code::kNotFound) self->failed(read.status());
                  next(true);
                });
  }

  void failed(const k8s::Status& status) {
    ++report.failed;
    if (report.error.empty()) report.error = status.message();
  }
};

}  // namespace

void let_go(k8s::Client& client, LetGoOptions options, std::function<void(LetGoReport)> done) {
  std::make_shared<Run>(client, std::move(options), std::move(done))->begin();
}

}  // namespace fermi
