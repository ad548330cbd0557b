// Steps of stories about conflicts: who competes, what the status shows, what an administrator asks
// for and is told.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {

inline Json job_in(const std::string& queue, const std::string& run_seconds,
                   const std::string& expected, int priority = 0) {
  return job_for(
      {.queue = queue, .run_seconds = run_seconds, .expected = expected, .priority = priority});
}

// The first conflict that the queue's status shows, or null.
inline Json conflict_in(Cluster& cluster, const std::string& queue) {
  return cluster.queue_status(queue).value("/conflicts/0"_json_pointer, Json());
}

inline bool wait_conflict(Cluster& cluster, const std::string& queue, const std::string& type) {
  return cluster.wait(std::chrono::seconds(30), [&] {
    const Json found = conflict_in(cluster, queue);
    return found.is_object() && found["type"] == type;
  });
}

inline void annotate(Cluster& cluster, const std::string& queue, const std::string& wish) {
  cluster.patch(std::string(kQueues) + "/" + queue,
                {{"metadata", {{"annotations", {{"fermi-cluster.com/resolve-conflict", wish}}}}}});
}

// One of two jobs of a queue, each of which wants all of one node, runs, and the other waits: the
// id of their conflict.
inline std::string two_compete(Cluster& cluster, const Json& runs, const Json& waits) {
  const std::string queue = waits["scheduling"]["queue"];
  cluster.start_operator();
  cluster.run("first", runs);
  cluster.submit("second", waits);
  EXPECT_TRUE(wait_conflict(cluster, queue, "ResourceCompetition"));
  const Json found = conflict_in(cluster, queue);
  return found.is_object() ? found["id"].get<std::string>() : "";
}

// The answer to the wish, once the annotation has been taken off.
inline Json answer(Cluster& cluster, const std::string& queue) {
  EXPECT_TRUE(cluster.wait(std::chrono::seconds(30), [&] {
    const Json object = cluster.get(std::string(kQueues) + "/" + queue);
    const Json& all = object["status"].value("resolutions", Json::array());
    const std::string wish =
        object.value("/metadata/annotations/fermi-cluster.com~1resolve-conflict"_json_pointer, "");
    return !all.empty() && !all.back().contains("request") && wish.empty();
  })) << cluster.get(std::string(kQueues) + "/" + queue).dump(1);
  const Json all = cluster.queue_status(queue).value("resolutions", Json::array());
  return all.empty() ? Json::object() : all.back();
}

}  // namespace fermi::testing
