#include "operator/commit/writer.hpp"

#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>
#include <vector>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/resource_version.hpp"

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

// "pods" of "/api/v1/namespaces/ns/pods/name/status".
std::string plural_of(const std::string& target) {
  std::vector<std::string> parts;
  std::istringstream path(target.substr(0, target.find('?')));
  for (std::string part; std::getline(path, part, '/');)
    if (!part.empty()) parts.push_back(std::move(part));
  if (parts.empty()) return "";
  std::size_t at = parts[0] == "api" ? 2 : 3;
  if (at + 2 < parts.size() && parts[at] == "namespaces") at += 2;
  return at < parts.size() ? parts[at] : "";
}

// Answers that are no objects have no version.
bool went_back(const nlohmann::json& answer, const std::string& newest,
               const std::string& version) {
  const std::string now = k8s::string_at(k8s::object_at(answer, "metadata"), "resourceVersion");
  if (now.empty() || newest.empty() || now == version) return false;
  const auto order = k8s::compare_versions(now, newest);
  return order && *order <= 0;
}

}  // namespace

void Writer::send(k8s::http::Request request, Done done) {
  std::string newest;
  if (past_.newest && request.method == "POST") newest = past_.newest(plural_of(request.target));
  send_checked(std::move(request), newest, "", std::move(done));
}

void Writer::send_change(k8s::http::Request request, const std::string& version, Done done) {
  std::string newest;
  if (past_.newest) newest = past_.newest(plural_of(request.target));
  // Another version of an object that is read has only to be newer than its own.
  if (request.method == "GET" && !newest.empty()) newest = version;
  send_checked(std::move(request), newest, version, std::move(done));
}

void Writer::send_checked(k8s::http::Request request, const std::string& newest,
                          const std::string& version, Done done) {
  client_.call(std::move(request), [this, &metrics = metrics_, newest, version,
                                    done = std::move(done)](k8s::Result<nlohmann::json> answer) {
    if (answer && went_back(*answer, newest, version)) past_.lost();
    const k8s::Code code = answer.status().code();
    if (code == k8s::Code::kConflict || code == k8s::Code::kAlreadyExists) ++metrics.conflicts;
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
