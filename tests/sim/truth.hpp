// Truth: what the API server really holds, seen without delay and without loss.
//
// It is filled by watches of its own, read straight from the server after each request, with JSON
// alone: nothing here uses the readers, the quantities or the arithmetic of what is tested.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/sim/sim_server.hpp"

namespace fermi::sim {

using Json = nlohmann::json;

// An amount in thousandths of its unit: "500m" is 500, "2" is 2000, "1Ki" is 1024000.
std::int64_t milli(const Json& quantity);
using Amounts = std::map<std::string, std::int64_t>;  // by resource name, in thousandths

// What a Pod holds of its node, from its containers' requests (limits where those are missing).
Amounts held_by(const Json& pod);
// Bound, and neither Succeeded nor Failed.
bool occupies(const Json& pod);
bool is_deleting(const Json& object);
// What stands at a JSON pointer, if it has the type; else "" or false.
std::string text_at(const Json& object, const std::string& pointer);
bool flag_at(const Json& object, const std::string& pointer);

class Truth {
 public:
  explicit Truth(SimServer& server);

  // Per kind, by "namespace/name" or "name".
  using Objects = std::map<std::string, Json>;
  const Objects& pods() const { return kinds_.at("pods").objects; }
  const Objects& nodes() const { return kinds_.at("nodes").objects; }
  const Objects& jobs() const { return kinds_.at("jobs").objects; }

  // Called for each change: `before` or `after` is null. It may read, but not call the server.
  using Listener =
      std::function<void(const std::string& kind, const Json* before, const Json* after)>;
  void on_change(Listener listener) { listeners_.push_back(std::move(listener)); }

  // Sum of what occupying Pods hold of a node.
  Amounts used(const std::string& node) const;
  // After a restore of the store: all is as it was then.
  void reopen();
  // Kinds whose resource exists only once its definition was made are looked for again.
  void drain();

 private:
  struct Kind {
    std::string path;
    std::shared_ptr<k8s::apiserver::Stream> stream;
    Objects objects;
  };
  void drain_kind(const std::string& name, Kind& kind);
  void take_line(const std::string& name, Kind& kind, const std::string& line);
  void open(const std::string& name, Kind& kind);
  void replace(const std::string& name, Kind& kind, const Json& list);
  void put(const std::string& name, Kind& kind, const std::string& key, const Json* after);

  SimServer& server_;
  bool draining_ = false;
  std::map<std::string, Kind> kinds_;
  std::vector<Listener> listeners_;
};

}  // namespace fermi::sim
