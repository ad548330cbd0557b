// ObjectReader: reads the ConfigMaps, Secrets and claims that one Pod refers to.
//
// One GET each, all at once. What is not there is reported as not there; any other failure ends the
// whole reading with that error. Threads: the loop's; destroying it cancels what is under way.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "libk8s/http/message.hpp"
#include "libk8s/node/environment.hpp"
#include "libk8s/node/prepare.hpp"

namespace k8s::node {

struct ReadObjects {
  Objects objects;
  std::set<std::string> missing_claims;
};

class ObjectReader {
 public:
  using Done = std::function<void(Result<ReadObjects>)>;

  // `done` is called once, never from inside the constructor.
  ObjectReader(Loop& loop, http::Transport& transport, const std::string& ns,
               const References& references, Done done);
  ~ObjectReader();
  ObjectReader(const ObjectReader&) = delete;
  ObjectReader& operator=(const ObjectReader&) = delete;

 private:
  enum class Kind { kConfigMap, kSecret, kClaim };
  void read(Kind kind, const std::string& ns, const std::string& name);
  void answered(Kind kind, const std::string& name, Result<http::Response> response);
  void finish();

  Loop& loop_;
  http::Transport& transport_;
  Done done_;
  ReadObjects result_;
  Status error_;
  std::size_t open_ = 0;
  std::set<http::ExchangeId> exchanges_;
  TimerId timer_ = TimerId::kNone;
};

// Undoes base64; nothing when it is none.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace k8s::node
