#include "operator/local/applier.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "libk8s/codec/json.hpp"
#include "libk8s/request/request.hpp"
#include "libk8s/transport/client.hpp"

namespace fermi {
namespace {

using k8s::Code;
using k8s::Result;
using k8s::Status;
using nlohmann::json;

constexpr auto kRetryDelay = std::chrono::milliseconds(200);
constexpr int kMaxTries = 150;       // of one object: half a minute
constexpr int kMaxTriesOfKind = 25;  // until the server knows a kind that was just defined: 5 s

// One object on its way.
struct Item {
  json manifest;
  std::string api_version, kind, ns, name;
  k8s::Resource resource;
  int tries = 0;
  bool deleted = false;

  std::string title() const { return kind + " " + (ns.empty() ? name : ns + "/" + name); }
};

Item make_item(json manifest) {
  Item item;
  item.api_version = k8s::string_at(manifest, "apiVersion");
  item.kind = k8s::string_at(manifest, "kind");
  const json& meta = k8s::object_at(manifest, "metadata");
  item.name = k8s::string_at(meta, "name");
  item.ns = k8s::string_at(meta, "namespace");
  item.manifest = std::move(manifest);
  return item;
}

k8s::http::Request discovery(const std::string& api_version) {
  k8s::http::Request request;
  request.method = "GET";
  const bool core = api_version.find('/') == std::string::npos;
  request.target = (core ? "/api/" : "/apis/") + api_version;
  request.headers.set("Accept", "application/json");
  return request;
}

// The resource of `kind` in an APIResourceList; plural is "" when it is not there.
k8s::Resource find_resource(const json& list, const Item& item) {
  k8s::Resource found;
  for (const json& entry : k8s::array_at(list, "resources")) {
    const auto plural = k8s::string_at(entry, "name");
    if (k8s::string_at(entry, "kind") != item.kind || plural.find('/') != std::string::npos)
      continue;
    const auto slash = item.api_version.find('/');
    const bool core = slash == std::string::npos;
    found.group = core ? "" : item.api_version.substr(0, slash);
    found.version = core ? item.api_version : item.api_version.substr(slash + 1);
    found.plural = plural;
    found.kind = item.kind;
    found.namespaced = k8s::bool_at(entry, "namespaced");
    return found;
  }
  return found;
}

}  // namespace

struct Applier::Impl {
  Impl(k8s::Loop& l, k8s::http::Transport& t) : loop(l), client(l, t) {}

  Item& current() { return items[next]; }

  void step() {
    if (next == items.size()) return finish(std::move(applied));
    client.call(discovery(current().api_version), [this](Result<json> list) {
      if (list) current().resource = find_resource(*list, current());
      const bool known = list && !current().resource.plural.empty();
      if (known) return anew && !current().deleted ? remove() : patch();
      const Status why = list ? Status(Code::kNotFound, "") : list.status();
      const bool unknown = why.code() == Code::kNotFound;
      again_or_fail(unknown ? Status(Code::kNotFound, no_such_kind()) : why,
                    unknown ? kMaxTriesOfKind : kMaxTries);
    });
  }

  std::string no_such_kind() {
    return "the server knows no kind " + current().kind + " in " + current().api_version;
  }

  void remove() {
    Item& item = current();
    client.call(k8s::request::remove(item.resource, ns(), item.name), [this](Result<json> answer) {
      current().deleted = answer.status().code() == Code::kNotFound;
      // Not before the old one is gone for good: its children and finalizers come first.
      current().deleted ? patch()
                        : again_or_fail(Status(Code::kConflict, "is still being deleted"));
    });
  }

  void patch() {
    Item& item = current();
    json manifest = item.manifest;
    if (item.resource.namespaced) manifest["metadata"]["namespace"] = ns();
    const k8s::WriteOptions options{.field_manager = "fermi-up", .force = true};
    client.call(k8s::request::patch(item.resource, ns(), item.name, "", k8s::PatchType::kApply,
                                    manifest, options),
                [this](Result<json> answer) {
                  if (!answer) return again_or_fail(answer.status());
                  applied.push_back(std::move(*answer));
                  ++next;
                  step();
                });
  }

  std::string ns() { return current().ns.empty() ? "default" : current().ns; }

  void again_or_fail(const Status& why, int most = kMaxTries) {
    Item& item = current();
    const bool hopeless = why.next() == k8s::Next::kFixInput;
    if (hopeless || ++item.tries >= most) {
      return finish(Status(why.code(), item.title() + ": " + why.message()));
    }
    timer = loop.after(kRetryDelay, [this] { step(); });
  }

  void finish(Result<std::vector<json>> result) {
    const auto call = std::move(done);
    done = nullptr;
    call(std::move(result));
  }

  k8s::Loop& loop;
  k8s::Client client;
  std::vector<Item> items;
  std::vector<json> applied;
  std::size_t next = 0;
  bool anew = false;
  Done done;
  k8s::TimerId timer = k8s::TimerId::kNone;
};

Applier::Applier(k8s::Loop& loop, k8s::http::Transport& transport)
    : impl_(std::make_unique<Impl>(loop, transport)) {}

Applier::~Applier() { impl_->loop.cancel(impl_->timer); }

void Applier::apply(std::vector<json> manifests, bool anew, Done done) {
  impl_->items.clear();
  impl_->applied.clear();
  impl_->next = 0;
  for (json& manifest : manifests) impl_->items.push_back(make_item(std::move(manifest)));
  impl_->anew = anew;
  impl_->done = std::move(done);
  impl_->step();
}

}  // namespace fermi
