#include "operator/commit/writer.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace fermi {
namespace {

struct Batch : std::enable_shared_from_this<Batch> {
  std::size_t count, limit, begun = 0, running = 0;
  bool stopped = false, pumping = false, ended = false;
  std::function<void(std::size_t, std::function<void(bool)>)> work;
  std::function<void()> done;

  void pump() {
    if (pumping) return;
    pumping = true;
    while (!stopped && begun < count && running < limit) {
      ++running;
      work(begun++, [self = shared_from_this()](bool go_on) {
        --self->running;
        if (!go_on) self->stopped = true;
        self->pump();
      });
    }
    pumping = false;
    if (running != 0 || (!stopped && begun < count) || ended) return;
    ended = true;
    done();
  }
};

}  // namespace

void Writer::send(k8s::http::Request request, Done done) {
  client_.call(std::move(request),
               [&metrics = metrics_, done = std::move(done)](k8s::Result<nlohmann::json> answer) {
                 const k8s::Code code = answer.status().code();
                 if (code == k8s::Code::kConflict || code == k8s::Code::kAlreadyExists)
                   ++metrics.conflicts;
                 if (code == k8s::Code::kUnknownOutcome) ++metrics.unknown_outcomes;
                 done(std::move(answer));
               });
}

void in_batches(std::size_t count, std::size_t limit,
                std::function<void(std::size_t, std::function<void(bool)>)> work,
                std::function<void()> done) {
  auto batch = std::make_shared<Batch>();
  batch->count = count;
  batch->limit = limit;
  batch->work = std::move(work);
  batch->done = std::move(done);
  batch->pump();
}

}  // namespace fermi
