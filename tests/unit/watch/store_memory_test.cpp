// What a Pod costs in the store: the mark is 600 bytes of live memory each, all in.
#include <gtest/gtest.h>
#include <malloc.h>

#include <nlohmann/json.hpp>

#include "libk8s/types/codec.hpp"
#include "libk8s/watch/store.hpp"

namespace k8s {
namespace {

// A Pod as a Deployment's controller makes it and a kubelet reports it.
nlohmann::json typical_pod(int number) {
  const std::string n = std::to_string(100'000 + number);
  return {{"metadata",
           {{"name", "inference-worker-7d9c5b6f4-" + n},
            {"namespace", "team-" + std::to_string(number % 50)},
            {"uid", "3f2504e0-4f89-11d3-9a0c-0305e8" + n},
            {"resourceVersion", "48211" + n},
            {"creationTimestamp", "2026-01-01T00:00:00Z"},
            {"labels",
             {{"app.kubernetes.io/name", "inference-worker"}, {"pod-template-hash", "7d9c5b6f4"}}},
            {"ownerReferences",
             {{{"apiVersion", "apps/v1"},
               {"kind", "ReplicaSet"},
               {"name", "inference-worker-7d9c5b6f4"},
               {"uid", "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"},
               {"controller", true}}}}}},
          {"spec",
           {{"nodeName", "node-" + std::to_string(number % 5000)},
            {"schedulerName", "default-scheduler"},
            {"restartPolicy", "Always"},
            {"tolerations",
             {{{"key", "node.kubernetes.io/not-ready"},
               {"operator", "Exists"},
               {"effect", "NoExecute"}},
              {{"key", "node.kubernetes.io/unreachable"},
               {"operator", "Exists"},
               {"effect", "NoExecute"}}}},
            {"containers",
             {{{"name", "main"},
               {"resources", {{"requests", {{"cpu", "500m"}, {"memory", "1Gi"}}}}}}}}}},
          {"status",
           {{"phase", "Running"},
            {"podIP", "10.1.2.3"},
            {"startTime", "2026-01-01T00:00:01Z"},
            {"conditions", {{{"type", "Ready"}, {"status", "True"}}}},
            {"containerStatuses",
             {{{"name", "main"},
               {"ready", true},
               {"restartCount", 0},
               {"state", {{"running", {{"startedAt", "2026-01-01T00:00:02Z"}}}}}}}}}}};
}

std::size_t live_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(StoreMemory, A_typical_Pod_costs_at_most_600_bytes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator does not count live bytes";
#endif
  constexpr int kPods = 5'000;
  Store<Pod> store(1);
  const std::size_t before = live_bytes();
  for (int i = 0; i < kPods; ++i) {
    const Result<Pod> pod = Codec<Pod>::from_json(typical_pod(i));
    ASSERT_TRUE(pod.is_ok());
    store.put(*pod);
  }
  const std::size_t each = (live_bytes() - before) / kPods;
  RecordProperty("bytes_per_pod", static_cast<int>(each));
  EXPECT_LE(each, 600u);
  EXPECT_GE(each, 50u) << "this was not measured at all";
}

}  // namespace
}  // namespace k8s
