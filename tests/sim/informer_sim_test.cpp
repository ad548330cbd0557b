// The informer against the embedded API server, with everything in between that may go wrong.
//
// Checks invariant 8 at every event (per key and uid, resourceVersions never go back; nothing comes
// back after its delete; another uid is told as a delete and an add), and that the cache equals the
// truth soon after the faults have stopped.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/resource_version.hpp"
#include "libk8s/types/codec.hpp"
#include "libk8s/watch/informer.hpp"
#include "tests/sim/process_loop.hpp"
#include "tests/sim/sim_server.hpp"
#include "tests/sim/sim_transport.hpp"
#include "tests/sim/truth.hpp"

namespace {

// A Pod read as JSON, as custom resources are.
struct PlainPod {
  k8s::ObjectMeta meta;
};

}  // namespace

template <>
struct k8s::Codec<PlainPod> : k8s::JsonCodec<PlainPod> {
  static Resource resource() { return resources::pods(); }
  static Result<PlainPod> from_json(const nlohmann::json& json) {
    return PlainPod{meta_from_json(object_at(json, "metadata"))};
  }
};

namespace fermi::sim {
namespace {

using k8s::Pod;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr const char* kPods = "/api/v1/namespaces/default/pods";

template <class T>
class InformerRun {
 public:
  explicit InformerRun(std::uint64_t seed)
      : random_(seed),
        faults_(Faults::drawn(random_)),
        loop_(random_.next()),
        server_(loop_, random_.next()),
        truth_(server_),
        process_(loop_, random_.next(), k8s::Duration(0)),
        transport_(server_, process_, "informer", faults_, random_.next()),
        informer_(process_, transport_, {.watch_list = random_.chance(500)}) {
    informer_.on_event([this](const typename k8s::Informer<T>::Event& event) { check(event); });
  }

  void go() {
    informer_.start();
    for (int i = 0; i < 300; ++i) {
      change_something();
      if (random_.chance(30)) server_.compact();
      if (random_.chance(30)) transport_.reset();
      loop_.run_for(milliseconds(random_.between(0, 4000)));
    }
    faults_ = Faults::none();
    // What is dark stays dark until the informer's own deadline; then there may be back-off.
    loop_.run_for(minutes(4));
    compare();
  }

 private:
  void change_something() {
    const std::string name = "p" + std::to_string(random_.below(12));
    const std::string path = std::string(kPods) + "/" + name;
    const Json meta = {{"name", name}, {"namespace", "default"}};
    switch (random_.below(3)) {
      case 0:
        server_.call("user", "POST", kPods,
                     {{"apiVersion", "v1"},
                      {"kind", "Pod"},
                      {"metadata", meta},
                      {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", "i"}}})}}}});
        break;
      case 1:
        server_.call("user", "PATCH", path,
                     {{"metadata", {{"labels", {{"n", std::to_string(random_.below(100))}}}}}},
                     "application/merge-patch+json");
        break;
      default:
        server_.call("user", "DELETE", path);
    }
  }

  void check(const typename k8s::Informer<T>::Event& event) {
    const T& pod = event.after ? *event.after : *event.before;
    const std::string key = pod.meta.key();
    if (!event.after) {
      ASSERT_EQ(alive_[key], pod.meta.uid) << "a delete of what was not there";
      alive_.erase(key);
      dead_.insert(pod.meta.uid);
      return;
    }
    ASSERT_FALSE(dead_.contains(pod.meta.uid)) << key << " came back after its delete";
    if (event.before) {
      ASSERT_EQ(alive_[key], pod.meta.uid) << "another uid without a delete";
    } else {
      ASSERT_FALSE(alive_.contains(key)) << "an add of what is there";
      alive_[key] = pod.meta.uid;
    }
    std::string& seen = versions_[pod.meta.uid];
    const auto order = k8s::compare_versions(pod.meta.resource_version, seen);
    ASSERT_TRUE(seen.empty() || (order && *order >= 0)) << key << " went back in time";
    seen = pod.meta.resource_version;
  }

  void compare() {
    ASSERT_TRUE(informer_.synced()) << informer_.last_error().to_string();
    ASSERT_EQ(informer_.size(), truth_.pods().size());
    for (const auto& [key, pod] : truth_.pods()) {
      const auto cached = informer_.get(key);
      ASSERT_NE(cached, nullptr) << key;
      EXPECT_EQ(cached->meta.resource_version, text_at(pod, "/metadata/resourceVersion")) << key;
      EXPECT_EQ(alive_[key], cached->meta.uid);
    }
    EXPECT_EQ(alive_.size(), informer_.size());
  }

  k8s::testing::Random random_;
  Faults faults_;
  k8s::testing::SimLoop loop_;
  SimServer server_;
  Truth truth_;
  ProcessLoop process_;
  SimTransport transport_;
  k8s::Informer<T> informer_;
  std::map<std::string, std::string> alive_;     // key -> uid, as told
  std::map<std::string, std::string> versions_;  // uid -> newest resourceVersion told
  std::set<std::string> dead_;                   // uids
};

template <class T>
void run_seeds(std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    InformerRun<T>(seed).go();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(InformerSimulation, Over_JSON_the_cache_is_true_whatever_goes_wrong) {
  run_seeds<PlainPod>(1, 12);
}

TEST(InformerSimulation, Over_protobuf_the_cache_is_true_whatever_goes_wrong) {
  run_seeds<Pod>(31, 42);
}

}  // namespace
}  // namespace fermi::sim
