#include "operator/commit/job_committer.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "libk8s/request/request.hpp"
#include "operator/commit/eviction.hpp"
#include "operator/commit/selected_node.hpp"
#include "operator/translate/job_pod.hpp"

namespace fermi {

using Json = nlohmann::json;
using Answer = k8s::Result<Json>;
namespace request = k8s::request;
namespace resources = k8s::resources;

// Requests of one kind that are in flight at once for one job.
static constexpr std::size_t kAtOnce = 16;

struct JobCommitter::Tally {
  bool retry = false;
  Outcome outcome() const { return retry ? Outcome::kRetry : Outcome::kDone; }
};

namespace {

// The controller's uid of an object in an answer, or "".
std::string controller_uid(const Json& object) {
  for (const Json& owner : k8s::array_at(k8s::object_at(object, "metadata"), "ownerReferences"))
    if (k8s::bool_at(owner, "controller")) return k8s::string_at(owner, "uid");
  return "";
}

bool refused_for_good(const k8s::Status& status) { return status.next() == k8s::Next::kFixInput; }

Json binding(const TrainingJob& job, const Bind& bind, std::int64_t epoch) {
  return {{"apiVersion", "v1"},
          {"kind", "Binding"},
          {"metadata",
           {{"name", bind.pod},
            {"namespace", job.meta.ns},
            {"uid", bind.uid},
            {"annotations", {{annotation::kEpoch, std::to_string(epoch)}}}}},
          {"target", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", bind.node}}}};
}

}  // namespace

// --- status

void JobCommitter::write_status(const Context& c, const TrainingJobStatus& status, Done done) {
  const TrainingJob& job = *c.job;
  const Json before = job.status.phase == Phase::kNone ? Json::object() : encode_status(job.status);
  const Json patch = {
      {"metadata", {{"uid", job.meta.uid}, {"resourceVersion", job.meta.resource_version}}},
      {"status", merge_diff(before, encode_status(status))}};
  ++writer_.metrics().status_writes;
  writer_.send_change(request::patch(training_jobs(), job.meta.ns, job.meta.name, "status",
                                     k8s::PatchType::kMerge, patch),
                      job.meta.resource_version, [this, c, done = std::move(done)](Answer answer) {
                        if (answer) {
                          if (auto written = decode_training_job(*answer))
                            jobs_.observe(std::make_shared<const TrainingJob>(std::move(*written)));
                          done(Outcome::kDone);
                        } else if (answer.status().next() == k8s::Next::kReread) {
                          reread_job(c, done);
                        } else if (answer.status().code() == k8s::Code::kNotFound) {
                          done(Outcome::kGone);
                        } else {
                          done(Outcome::kRetry);
                        }
                      });
}

void JobCommitter::reread_job(const Context& c, Done done) {
  writer_.send_change(
      request::get(training_jobs(), c.job->meta.ns, c.job->meta.name), c.job->meta.resource_version,
      [this, c, done = std::move(done)](Answer answer) {
        if (!answer)
          return done(answer.status().code() == k8s::Code::kNotFound ? Outcome::kGone
                                                                     : Outcome::kRetry);
        auto job = decode_training_job(*answer);
        if (!job || job->meta.uid != c.job->meta.uid) return done(Outcome::kGone);
        jobs_.observe(std::make_shared<const TrainingJob>(std::move(*job)));
        done(Outcome::kDone);
      });
}

void JobCommitter::set_finalizers(const Context& c, const std::vector<std::string>& finalizers,
                                  Done done) {
  const TrainingJob& job = *c.job;
  const Json patch = {{"metadata",
                       {{"uid", job.meta.uid},
                        {"resourceVersion", job.meta.resource_version},
                        {"finalizers", finalizers}}}};
  writer_.send(request::patch(training_jobs(), job.meta.ns, job.meta.name, "",
                              k8s::PatchType::kMerge, patch),
               [this, c, done = std::move(done)](Answer answer) {
                 if (!answer) {
                   if (answer.status().next() == k8s::Next::kReread) return reread_job(c, done);
                   const bool gone = answer.status().code() == k8s::Code::kNotFound;
                   return done(gone ? Outcome::kGone : Outcome::kRetry);
                 }
                 auto written = decode_training_job(*answer);
                 if (!written) return done(Outcome::kRetry);
                 // The last one's removal answers with the object as it was when it went.
                 if (written->meta.deleting() && written->meta.finalizers.empty())
                   return done(Outcome::kGone);
                 jobs_.observe(std::make_shared<const TrainingJob>(std::move(*written)));
                 done(Outcome::kDone);
               });
}

void JobCommitter::delete_job(const Context& c, Done done) {
  k8s::DeleteOptions options;
  options.uid = c.job->meta.uid;
  options.propagation = "Background";
  writer_.send(request::remove(training_jobs(), c.job->meta.ns, c.job->meta.name, options),
               [done = std::move(done)](Answer answer) {
                 const k8s::Code code = answer.status().code();
                 const bool gone =
                     answer || code == k8s::Code::kNotFound || code == k8s::Code::kConflict;
                 done(gone ? Outcome::kGone : Outcome::kRetry);
               });
}

// --- the Service

namespace {

// Known for this attempt only: somebody may delete it between two.
void know_service(const JobCommitter::Context& c) {
  c.memory->service_attempt = c.job->status.placement->attempt;
}

}  // namespace

void JobCommitter::create_service(const Context& c, Done done) {
  const TrainingJob& job = *c.job;
  writer_.send(
      request::create(resources::services(), job.meta.ns, job_service(job, *job.status.placement)),
      [this, c, done = std::move(done)](Answer answer) {
        if (answer) {
          know_service(c);
          return done(Outcome::kDone);
        }
        const k8s::Status status = answer.status();
        if (status.code() == k8s::Code::kAlreadyExists) return adopt_service(c, done);
        if (!refused_for_good(status)) return done(Outcome::kRetry);
        c.memory->refusal = "Service " + c.job->meta.name + " was refused: " + status.message();
        done(Outcome::kDone);
      });
}

void JobCommitter::adopt_service(const Context& c, Done done) {
  writer_.send(request::get(resources::services(), c.job->meta.ns, c.job->meta.name),
               [c, done = std::move(done)](Answer answer) {
                 if (!answer) return done(Outcome::kRetry);
                 if (controller_uid(*answer) == c.job->meta.uid)
                   know_service(c);
                 else
                   c.memory->refusal = "a Service named " + c.job->meta.name +
                                       " is in the way: it exists and is not this job's";
                 done(Outcome::kDone);
               });
}

void JobCommitter::delete_service(const Context& c, Done done) {
  const std::string ns = c.job->meta.ns, name = c.job->meta.name;
  writer_.send(request::get(resources::services(), ns, name),
               [this, c, ns, name, done = std::move(done)](Answer answer) {
                 const k8s::Code code = answer.status().code();
                 const bool ours = answer && controller_uid(*answer) == c.job->meta.uid;
                 // One that is not ours stays; one that we may not see is the owner's to collect.
                 if (!ours) {
                   c.memory->service_gone =
                       answer || code == k8s::Code::kNotFound || refused_for_good(answer.status());
                   return done(c.memory->service_gone ? Outcome::kDone : Outcome::kRetry);
                 }
                 k8s::DeleteOptions options;
                 options.uid = k8s::string_at(k8s::object_at(*answer, "metadata"), "uid");
                 writer_.send(request::remove(resources::services(), ns, name, options),
                              [c, done](Answer gone) {
                                const k8s::Code end = gone.status().code();
                                c.memory->service_attempt.reset();
                                c.memory->service_gone = gone || end == k8s::Code::kNotFound ||
                                                         end == k8s::Code::kConflict;
                                done(c.memory->service_gone ? Outcome::kDone : Outcome::kRetry);
                              });
               });
}

// --- Pods

void JobCommitter::create_pods(const Context& c, const std::vector<std::int64_t>& ranks,
                               Done done) {
  auto tally = std::make_shared<Tally>();
  in_batches(
      ranks.size(), kAtOnce,
      [this, c, ranks, tally](std::size_t i, Next next) {
        create_pod(c, ranks[i], tally, std::move(next));
      },
      [tally, done = std::move(done)] { done(tally->outcome()); });
}

void JobCommitter::create_pod(const Context& c, std::int64_t rank, std::shared_ptr<Tally> tally,
                              Next next) {
  const JobPlacement& placement = *c.job->status.placement;
  const std::string name = pod_name(*c.job, placement.attempt, rank);
  // The template is its author's: what is misspelt in it must not vanish without a word.
  k8s::WriteOptions strict;
  strict.strict = true;
  writer_.send(request::create(resources::pods(), c.job->meta.ns,
                               job_pod(*c.job, placement, rank, *c.config), strict),
               [this, c, name, tally, next = std::move(next)](Answer answer) {
                 if (answer) {
                   ++writer_.metrics().pods_created;
                   if (auto pod = k8s::Codec<k8s::Pod>::from_json(*answer))
                     pods_.observe(std::move(*pod));
                   return next(true);
                 }
                 const k8s::Status status = answer.status();
                 if (status.code() == k8s::Code::kAlreadyExists)
                   return adopt_pod(c, name, tally, next);
                 if (refused_for_good(status))
                   c.memory->refusal = "Pod " + name + " was refused: " + status.message();
                 else
                   tally->retry = true;
                 next(false);
               });
}

void JobCommitter::adopt_pod(const Context& c, const std::string& name,
                             std::shared_ptr<Tally> tally, Next next) {
  writer_.send(request::get(resources::pods(), c.job->meta.ns, name),
               [this, c, name, tally, next = std::move(next)](Answer answer) {
                 if (!answer) {
                   tally->retry = true;  // gone again, or not to be seen: another try will tell
                   return next(false);
                 }
                 if (controller_uid(*answer) != c.job->meta.uid) {
                   c.memory->refusal =
                       "a Pod named " + name + " is in the way: it exists and is not this job's";
                   return next(false);
                 }
                 if (auto pod = k8s::Codec<k8s::Pod>::from_json(*answer))
                   pods_.observe(std::move(*pod));
                 next(true);
               });
}

void JobCommitter::select_node(const Context& c, const SelectNode& select, Done done) {
  writer_.send(selected_node(c.job->meta.ns, select.claim, select.node),
               [c, select, done = std::move(done)](Answer answer) {
                 if (answer) {
                   c.memory->selected[select.claim] = select.node;
                   return done(Outcome::kDone);
                 }
                 if (!refused_for_good(answer.status())) return done(Outcome::kRetry);
                 c.memory->refusal =
                     "claim " + select.claim + " was refused: " + answer.status().message();
                 done(Outcome::kDone);
               });
}

void JobCommitter::bind_pods(const Context& c, const std::vector<Bind>& binds, Done done) {
  auto tally = std::make_shared<Tally>();
  in_batches(
      binds.size(), kAtOnce,
      [this, c, binds, tally](std::size_t i, Next next) {
        bind_pod(c, binds[i], tally, std::move(next));
      },
      [tally, done = std::move(done)] { done(tally->outcome()); });
}

void JobCommitter::bind_pod(const Context& c, const Bind& bind, std::shared_ptr<Tally> tally,
                            Next next) {
  writer_.send(request::post(resources::pods(), c.job->meta.ns, bind.pod, "binding",
                             binding(*c.job, bind, c.epoch)),
               [this, c, bind, tally, next = std::move(next)](Answer answer) {
                 const k8s::Status status = answer.status();
                 if (status.is_ok()) {
                   ++writer_.metrics().binds;
                   pods_.mark_bound(c.job->meta.ns + "/" + bind.pod, bind.uid, bind.node);
                   return next(true);
                 }
                 if (refused_for_good(status)) {
                   c.memory->refusal =
                       "binding Pod " + bind.pod + " was refused: " + status.message();
                   return next(false);
                 }
                 tally->retry = true;
                 const bool look =
                     status.next() == k8s::Next::kReread || status.code() == k8s::Code::kNotFound;
                 if (!look) return next(false);
                 look_at_pod(c, bind.pod, next);
               });
}

void JobCommitter::look_at_pod(const Context& c, const std::string& name, Next next) {
  writer_.send(request::get(resources::pods(), c.job->meta.ns, name),
               [this, key = c.job->meta.ns + "/" + name, next = std::move(next)](Answer answer) {
                 if (answer) {
                   if (auto pod = k8s::Codec<k8s::Pod>::from_json(*answer))
                     pods_.observe(std::move(*pod));
                 } else if (answer.status().code() == k8s::Code::kNotFound) {
                   pods_.forget(key);
                 }
                 next(true);
               });
}

void JobCommitter::delete_pods(const Context& c, const std::vector<Doomed>& doomed, Done done) {
  auto tally = std::make_shared<Tally>();
  in_batches(
      doomed.size(), kAtOnce,
      [this, c, doomed, tally](std::size_t i, Next next) {
        delete_pod(c, doomed[i], tally, std::move(next));
      },
      [tally, done = std::move(done)] { done(tally->outcome()); });
}

void JobCommitter::delete_pod(const Context& c, const Doomed& doomed, std::shared_ptr<Tally> tally,
                              Next next) {
  k8s::DeleteOptions options;
  options.uid = doomed.uid;
  if (doomed.force) options.grace_seconds = 0;
  writer_.send(doomed.evict
                   ? eviction(c.job->meta.ns, doomed.pod, doomed.uid)
                   : request::remove(resources::pods(), c.job->meta.ns, doomed.pod, options),
               [this, c, doomed, tally, next = std::move(next)](Answer answer) {
                 if (doomed.evict && !answer && may_violate(c, doomed, answer.status()))
                   return delete_anyway(c, doomed, tally, next);
                 deleted(c, doomed, answer, *tally);
                 next(true);
               });
}

// Only once a budget has refused; else what the eviction says is remembered.
bool JobCommitter::may_violate(const Context& c, const Doomed& doomed, const k8s::Status& status) {
  const bool refused = status.code() == k8s::Code::kTooManyRequests;
  if (refused && doomed.violates.empty())
    c.memory->eviction_refused = "Pod " + doomed.pod + " cannot be evicted: " + status.message();
  return refused && !doomed.violates.empty();
}

void JobCommitter::delete_anyway(const Context& c, const Doomed& doomed,
                                 std::shared_ptr<Tally> tally, Next next) {
  k8s::DeleteOptions options;
  options.uid = doomed.uid;
  writer_.send(request::remove(resources::pods(), c.job->meta.ns, doomed.pod, options),
               [this, c, doomed, tally, next = std::move(next)](Answer answer) {
                 if (answer) ++writer_.metrics().budget_violations[doomed.violates];
                 deleted(c, doomed, answer, *tally);
                 next(true);
               });
}

void JobCommitter::deleted(const Context& c, const Doomed& doomed, const Answer& answer,
                           Tally& tally) {
  const k8s::Code code = answer.status().code();
  const bool gone = code == k8s::Code::kNotFound || code == k8s::Code::kConflict;
  if (!answer && !gone) {
    tally.retry = true;
    return;
  }
  if (answer) ++writer_.metrics().pods_deleted;
  if (gone) pods_.forget(c.job->meta.ns + "/" + doomed.pod);
  pods_.mark_deleted(doomed.uid, writer_.loop().wall_now(), doomed.force);
}

}  // namespace fermi
