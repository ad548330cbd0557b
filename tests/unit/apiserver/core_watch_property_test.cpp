// Random histories against random watches: every watch is compared with what a model of the whole
// history says it must have told. Covers the checks that etcd's robustness tests make of watches:
// filter, ordered, unique, atomic, bookmarkable, resumable, reliable, is-create, previous value.
#include <map>
#include <optional>

#include "tests/unit/apiserver/core_bench.hpp"

namespace k8s::apiserver::testing {
namespace {

// One change, as its answer told it. Empty colours: the object was not there.
struct Change {
  std::uint64_t revision = 0;
  std::string ns, name, before, after;
};

struct Told {
  std::string type, name;
  std::uint64_t revision = 0;
  friend bool operator==(const Told&, const Told&) = default;
};

struct Watcher {
  std::shared_ptr<Stream> stream;
  std::string ns, color;  // "" for all
  std::uint64_t from = 0;
  std::vector<Told> told;
  bool gone = false;  // got its 410
  std::uint64_t bookmark = 0;
};

bool wants(const Watcher& watcher, const Change& change, const std::string& color) {
  if (color.empty() || (!watcher.ns.empty() && watcher.ns != change.ns)) return false;
  return watcher.color.empty() || watcher.color == color;
}

// What a watch must tell of the whole history.
std::vector<Told> expected(const Watcher& watcher, const std::vector<Change>& history) {
  std::vector<Told> events;
  for (const Change& change : history) {
    if (change.revision <= watcher.from) continue;
    const bool before = wants(watcher, change, change.before);
    const bool after = wants(watcher, change, change.after);
    if (!before && !after) continue;
    events.push_back({before ? (after ? "MODIFIED" : "DELETED") : "ADDED",
                      change.ns + "/" + change.name, change.revision});
  }
  return events;
}

class World {
 public:
  explicit World(std::uint64_t seed) : bench_(":memory:", 20 + seed % 60) {
    for (std::uint64_t i = 0; i < seed * 3; ++i) bench_.random();
  }

  void step() {
    switch (roll(12)) {
      case 0:
        return start_watch();
      case 1:
      case 2:
        return read_one();
      case 3:
        return bench_.pass(std::chrono::seconds(static_cast<int>(roll(90))));
      case 4:
        if (roll(25) == 0) bench_.api().compact();
        return;
      default:
        return change_one();
    }
  }

  void check() {
    for (Watcher& watcher : watchers_) {
      read(watcher);
      const std::vector<Told> all = expected(watcher, history_);
      if (watcher.gone) {
        // It may stop early, but what it told must be the beginning.
        ASSERT_LE(watcher.told.size(), all.size());
        EXPECT_TRUE(std::equal(watcher.told.begin(), watcher.told.end(), all.begin()));
      } else {
        EXPECT_EQ(watcher.told.size(), all.size());
        EXPECT_TRUE(watcher.told == all) << "from " << watcher.from;
      }
    }
    EXPECT_GT(history_.size(), 50U) << "the run was too quiet to prove anything";
  }

 private:
  std::uint64_t roll(std::uint64_t sides) { return bench_.random() % sides; }

  void change_one() {
    Change change;
    change.ns = roll(2) == 0 ? "default" : "kube-public";
    change.name = "m" + std::to_string(roll(4));
    std::string& now = colors_[change.ns + "/" + change.name];
    change.before = now;
    const std::string list = "/api/v1/namespaces/" + change.ns + "/configmaps";
    const std::string color = roll(2) == 0 ? "red" : "blue";
    Answer answer;
    if (now.empty()) {
      change.after = color;
      answer = bench_.post(list, config_map(change.name, {{"color", color}}));
    } else if (roll(4) == 0) {
      bench_.remove(list + "/" + change.name);
      answer = bench_.get(list);  // carries the revision of the deletion
    } else {
      change.after = color;
      answer =
          bench_.merge(list + "/" + change.name, {{"metadata", {{"labels", {{"color", color}}}}},
                                                  {"data", {{"n", std::to_string(++count_)}}}});
    }
    ASSERT_LT(answer.status, 300) << answer.body;
    change.revision = std::stoull(answer.version());
    now = change.after;
    history_.push_back(change);
  }

  void start_watch() {
    Watcher watcher;
    const std::uint64_t current = std::stoull(bench_.get(kMaps).version());
    // Somewhere around the present: behind, at, or ahead of it.
    watcher.from = current + roll(15) < 10 ? current : current + roll(15) - 10;
    if (watcher.from == 0) watcher.from = current;
    if (roll(2) == 0) watcher.ns = roll(2) == 0 ? "default" : "kube-public";
    if (roll(2) == 0) watcher.color = "red";
    std::string url = watcher.ns.empty() ? "/api/v1/configmaps"
                                         : "/api/v1/namespaces/" + watcher.ns + "/configmaps";
    url += "?watch=true&allowWatchBookmarks=true&timeoutSeconds=80000&resourceVersion=" +
           std::to_string(watcher.from);
    if (!watcher.color.empty()) url += "&labelSelector=color%3D" + watcher.color;
    watcher.stream = bench_.watch(url);
    watchers_.push_back(std::move(watcher));
  }

  void read_one() {
    if (!watchers_.empty()) read(watchers_[roll(watchers_.size())]);
  }

  void read(Watcher& watcher) {
    for (const Seen& event : seen(watcher.stream)) {
      ASSERT_FALSE(watcher.gone) << "something came after the 410";
      if (event.type == "ERROR") {
        watcher.gone = true;
        continue;
      }
      const std::uint64_t revision = std::stoull(event.version);
      if (event.type == "BOOKMARK") {
        watcher.bookmark = revision;
        continue;
      }
      EXPECT_GT(revision, watcher.bookmark) << "a bookmark covered an event that came after it";
      watcher.told.push_back({event.type,
                              string_at(event.object["metadata"], "namespace") + "/" + event.name,
                              revision});
    }
  }

  Bench bench_;
  std::map<std::string, std::string> colors_;
  std::vector<Change> history_;
  std::vector<Watcher> watchers_;
  int count_ = 0;
};

TEST(WatchProperty, Every_watch_tells_exactly_what_happened_or_410) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    for (int i = 0; i < 250; ++i) world.step();
    world.check();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace k8s::apiserver::testing
