// JobCommitter: carries out one step of one TrainingJob and says how it went.
//
// Every write is safe to send again: statuses carry the resourceVersion they were made from (the
// fence), Pods have deterministic names, Bindings and deletes name the uid. So an answer that was
// lost leads to a look at the object, never to a second effect:
//   status    409, lost    read the job; the next step starts from what is there
//   create    409 exists   read it: ours (by the owner's uid) is as good as made; else refused
//   bind      409, lost    read the Pod: bound or not is what it says
//   delete    404, 409     it is gone
//   evict     429          a budget refuses: remembered; tried again, or deleted where that is
//   allowed
// What the server refuses for good (403, 422) is remembered as the job's refusal, in its words.
// Threads: the loop's. `done` is called once, unless the client is destroyed first.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/commit/pod_book.hpp"
#include "operator/commit/writer.hpp"
#include "operator/loop/overlay.hpp"
#include "operator/reconcile/job_machine.hpp"

namespace fermi {

// What is known of a job beside its objects; lives as long as the job is known.
struct JobMemory {
  std::optional<std::int64_t> service_attempt;  // the attempt for which the Service was seen
  bool service_gone = false;
  std::optional<std::string> refusal;
  std::optional<std::string> eviction_refused;  // why a Pod that has to make room stays
  std::map<std::string, std::string> selected;  // node by claim, as it was told
};

enum class Outcome : std::uint8_t {
  kDone,   // look again for the next step
  kRetry,  // it did not work; again after back-off
  kGone,   // there is no such job any more
};

class JobCommitter {
 public:
  using Done = std::function<void(Outcome)>;
  struct Context {
    std::shared_ptr<const TrainingJob> job;
    std::shared_ptr<JobMemory> memory;
    const Configuration* config = nullptr;
    std::int64_t epoch = 0;
  };

  // All outlive this object.
  JobCommitter(Writer& writer, Overlay<TrainingJob>& jobs, PodBook& pods)
      : writer_(writer), jobs_(jobs), pods_(pods) {}

  void write_status(const Context& c, const TrainingJobStatus& status, Done done);
  void create_service(const Context& c, Done done);
  void delete_service(const Context& c, Done done);
  void create_pods(const Context& c, const std::vector<std::int64_t>& ranks, Done done);
  void select_node(const Context& c, const SelectNode& select, Done done);
  void bind_pods(const Context& c, const std::vector<Bind>& binds, Done done);
  void delete_pods(const Context& c, const std::vector<Doomed>& doomed, Done done);
  void delete_job(const Context& c, Done done);
  // kGone when the object went with its last finalizer.
  void set_finalizers(const Context& c, const std::vector<std::string>& finalizers, Done done);

 private:
  struct Tally;  // how the requests of one step went, together
  using Next = std::function<void(bool)>;

  void reread_job(const Context& c, Done done);
  void create_pod(const Context& c, std::int64_t rank, std::shared_ptr<Tally> tally, Next next);
  void adopt_pod(const Context& c, const std::string& name, std::shared_ptr<Tally> tally,
                 Next next);
  void bind_pod(const Context& c, const Bind& bind, std::shared_ptr<Tally> tally, Next next);
  void look_at_pod(const Context& c, const std::string& name, Next next);
  void delete_pod(const Context& c, const Doomed& doomed, std::shared_ptr<Tally> tally, Next next);
  bool may_violate(const Context& c, const Doomed& doomed, const k8s::Status& status);
  void delete_anyway(const Context& c, const Doomed& doomed, std::shared_ptr<Tally> tally,
                     Next next);
  void deleted(const Context& c, const Doomed& doomed, const k8s::Result<nlohmann::json>& answer,
               Tally& tally);
  void adopt_service(const Context& c, Done done);

  Writer& writer_;
  Overlay<TrainingJob>& jobs_;
  PodBook& pods_;
};

}  // namespace fermi
