#include "libk8s/apiserver/server.hpp"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/core/background.hpp"
#include "libk8s/apiserver/core/body.hpp"
#include "libk8s/apiserver/core/call.hpp"
#include "libk8s/apiserver/core/discovery.hpp"
#include "libk8s/apiserver/core/disruption.hpp"
#include "libk8s/apiserver/core/gc.hpp"
#include "libk8s/apiserver/core/reader.hpp"
#include "libk8s/apiserver/core/remove.hpp"
#include "libk8s/apiserver/core/reviews.hpp"
#include "libk8s/apiserver/core/subresources.hpp"
#include "libk8s/apiserver/core/watch.hpp"
#include "libk8s/apiserver/core/writer.hpp"
#include "libk8s/base/log.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

// Work that `tick` does in one go before it asks to be called again.
constexpr std::size_t kCollectorSteps = 500;
constexpr std::chrono::minutes kExpiryPeriod{5};
constexpr std::size_t kLongestTarget = 16 * 1024;

class Server final : public ApiServer {
 public:
  Server(Options options, std::unique_ptr<Store> store)
      : core_(std::move(options), std::move(store)) {}
  Status start();

  Reply handle(const http::Request& request, const Caller& caller) override;
  std::optional<WallTime> tick() override;
  void compact() override;
  std::shared_ptr<const Backup> backup() const override {
    return std::make_shared<const Backup>(core_.store->backup());
  }

 private:
  Reply route(const http::Request& request, const Caller& caller);
  Reply route_resource(Call& call);
  std::optional<WallTime> tick_watches();

  Core core_;
  std::unique_ptr<Collector> collector_;
  bool clean_due_ = true;    // a namespace or CRD may be waiting for clean-up
  bool budgets_due_ = true;  // a Pod or budget has changed
  WallTime next_expiry_;
};

// ---- calls

// The manager of a write's fields: ?fieldManager, else the program that User-Agent names.
std::string manager_of(const Query& query, const http::Request& request) {
  constexpr std::size_t kLongest = 128;
  std::string manager = query.get("fieldManager");
  if (manager.empty()) {
    const std::string_view agent = request.headers.get("User-Agent");
    manager = agent.substr(0, agent.find('/'));
  }
  if (manager.empty()) manager = "unknown";
  return manager.substr(0, kLongest);
}

std::string options_kind(const http::Request& request) {
  if (request.method == "POST") return "CreateOptions";
  if (request.method == "PUT") return "UpdateOptions";
  return request.method == "PATCH" ? "PatchOptions" : "DeleteOptions";
}

// Who applies must say so, and nobody else may force.
Check check_apply_options(const Call& call) {
  const Query& query = call.target.query;
  const bool apply =
      call.request.method == "PATCH" &&
      body_format(call.request.headers.get("Content-Type")) == BodyFormat::kApplyPatch;
  if (apply && query.get("fieldManager").empty()) {
    return invalid_options(
        "PatchOptions",
        {"FieldValueRequired", "Required value: is required for apply patch", "fieldManager"});
  }
  if (!apply && call.request.method == "PATCH" && query.has("force")) {
    return invalid_options(
        "PatchOptions",
        {"FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force"});
  }
  return Done{};
}

Check read_write_options(Call& call) {
  constexpr std::size_t kLongestManager = 128;
  const Query& query = call.target.query;
  const std::string kind = options_kind(call.request);
  if (query.has("dryRun")) {
    if (query.get("dryRun") != "All") {
      return invalid_options(
          kind, {"FieldValueNotSupported",
                 "Unsupported value: \"" + query.get("dryRun") + "\": supported values: \"All\"",
                 "dryRun"});
    }
    call.dry_run = true;
  }
  if (query.get("fieldManager").size() > kLongestManager) {
    return invalid_options(
        kind, {"FieldValueTooLong", "Too long: may not be more than 128 bytes", "fieldManager"});
  }
  if (auto check = check_apply_options(call); !check) return check;
  auto validation = parse_field_validation(query.get("fieldValidation"));
  if (!validation) {
    return invalid_options(
        kind, {"FieldValueNotSupported", validation.status().message(), "fieldValidation"});
  }
  call.validation = *validation;
  call.manager = manager_of(query, call.request);
  return Done{};
}

Check read_accept(Call& call) {
  const bool scale = call.target.subresource == "scale";
  const Offer offer{call.type->protobuf, !scale && !call.type->review};
  if (call.target.subresource == "log") return Done{};  // plain text, whatever is asked for
  auto media = negotiate(call.request.headers.get("Accept"), offer);
  if (!media) return media.error();
  call.media = *media;
  return Done{};
}

// ---- routes of one resource

ApiError no_method(const Call& call) {
  return method_not_allowed("the server does not allow " + call.request.method + " on " +
                            call.target.path);
}

Reply collection(Core& core, Call& call) {
  const std::string& method = call.request.method;
  if (method == "GET" || method == "HEAD") {
    return call.target.query.flag("watch") ? start_watch(core, call) : list_objects(core, call);
  }
  const bool needs_namespace = call.type->namespaced && call.target.ns.empty();
  if (method == "POST") {
    if (needs_namespace) return error_reply(no_method(call));
    return create_object(core, call);
  }
  const bool deletable = !needs_namespace && call.type->storage != "namespaces";
  if (method == "DELETE" && deletable) return delete_collection(core, call);
  return error_reply(no_method(call));
}

Reply single(Core& core, Call& call) {
  const std::string& method = call.request.method;
  if (method == "GET" || method == "HEAD") {
    return call.target.query.flag("watch") ? start_watch(core, call) : get_object(core, call);
  }
  if (method == "PUT") return update_object(core, call);
  if (method == "PATCH") return patch_object(core, call);
  if (method == "DELETE") return delete_object(core, call);
  return error_reply(no_method(call));
}

Reply status_part(Core& core, Call& call) {
  const std::string& method = call.request.method;
  if (method == "GET") return get_object(core, call);
  if (method == "PUT") return update_object(core, call);
  if (method == "PATCH") return patch_object(core, call);
  return error_reply(no_method(call));
}

bool is_tunnel(const std::string& name) {
  return name == "exec" || name == "attach" || name == "portforward" || name == "proxy";
}

Reply subresource(Core& core, Call& call) {
  const std::string& name = call.target.subresource;
  const std::string& method = call.request.method;
  const bool pod = call.type->storage == "pods";
  if (is_tunnel(name) && (pod || call.type->storage == "nodes")) {
    return error_reply(not_implemented("this server does not serve " + name));
  }
  const bool known = call.type->subresource(name) != nullptr;
  if (!known || !call.target.rest.empty()) return error_reply(path_not_found(call.target.path));
  if (name == "status") return status_part(core, call);
  if (name == "scale" && call.type->scale) {
    const bool allowed = method == "GET" || method == "PUT" || method == "PATCH";
    return allowed ? scale(core, call) : error_reply(no_method(call));
  }
  if (pod && name == "log") {
    return method == "GET" ? pod_log(core, call) : error_reply(no_method(call));
  }
  if (pod && name == "binding") {
    return method == "POST" ? bind_pod(core, call) : error_reply(no_method(call));
  }
  if (pod && name == "eviction") {
    return method == "POST" ? evict_pod(core, call) : error_reply(no_method(call));
  }
  if (call.type->storage == "namespaces" && name == "finalize") {
    return method == "PUT" ? finalize_namespace(core, call) : error_reply(no_method(call));
  }
  return error_reply(
      not_implemented("this server does not serve " + call.type->plural + "/" + name));
}

}  // namespace

Status Server::start() {
  core_.registry.refresh(*core_.store);
  collector_ = std::make_unique<Collector>(core_);
  core_.store->observe([this](const Event& event) {
    collector_->changed(event);
    const std::string& resource = event.after->id().resource;
    budgets_due_ = budgets_due_ || resource == "pods" || resource == "poddisruptionbudgets.policy";
    clean_due_ = clean_due_ || event.deletion || is_deleting(event.after->json());
  });
  auto made = make_namespaces(core_);
  return made ? Status::ok() : Status(Code::kInternal, made.error().message);
}

Reply Server::handle(const http::Request& request, const Caller& caller) {
  // Objects are checked before they are used; should a check be missing, one request fails, not
  // the server.
  try {
    return route(request, caller);
  } catch (const std::exception& failure) {
    log::error("a request failed inside the API server",
               {{"method", request.method}, {"target", request.target}, {"why", failure.what()}});
    return error_reply(internal("the request could not be handled"));
  }
}

Reply Server::route(const http::Request& request, const Caller& caller) {
  if (request.target.size() > kLongestTarget) {
    return error_reply(
        bad_request("the URL is longer than " + std::to_string(kLongestTarget) + " bytes"));
  }
  if (request.body.size() > kMaxBodyBytes) return error_reply(too_large(kMaxBodyBytes));
  Target target = parse_target(request.target);
  if (!target.is_resource) {
    auto reply = discovery_reply(core_, request, target);
    return reply ? *std::move(reply) : error_reply(path_not_found(target.path));
  }
  // POST .../namespaces/NS/bindings is the old way to bind.
  const bool old_binding = target.group.empty() && target.resource == "bindings" &&
                           request.method == "POST" && target.name.empty();
  TypeRef type =
      core_.registry.find(target.group, target.version, old_binding ? "pods" : target.resource);
  if (type == nullptr) return error_reply(path_not_found(target.path));
  Call call{
      request, caller, std::move(target), std::move(type), {}, false, {}, FieldValidation::kWarn,
      {}};
  if (old_binding) call.target.subresource = "binding";
  return route_resource(call);
}

Reply Server::route_resource(Call& call) {
  if (auto check = read_accept(call); !check) return error_reply(check.error());
  if (auto check = read_write_options(call); !check) return error_reply(check.error());
  if (!call.type->warning.empty()) call.warnings.push_back(call.type->warning);
  if (call.type->review) {
    return call.request.method == "POST" ? review(core_, call) : error_reply(no_method(call));
  }
  // A cluster-scoped type has no place below a namespace, and a namespaced object has no other.
  const bool misplaced = call.type->namespaced ? call.target.ns.empty() && !call.target.name.empty()
                                               : !call.target.ns.empty();
  if (misplaced) return error_reply(path_not_found(call.target.path));
  if (!call.target.subresource.empty()) return subresource(core_, call);
  return call.target.name.empty() ? collection(core_, call) : single(core_, call);
}

std::optional<WallTime> Server::tick() {
  try {
    collector_->run(kCollectorSteps);
    if (clean_due_) {
      clean_due_ = false;
      const bool namespaces = clean_namespaces(core_);
      const bool crds = clean_crds(core_);
      clean_due_ = namespaces || crds;
    }
    if (budgets_due_) {
      refresh_budgets(core_);
      budgets_due_ = false;  // its own writes are no news
    }
    if (core_.options.now() >= next_expiry_) {
      next_expiry_ = core_.options.now() + kExpiryPeriod;
      expire_events(core_);
    }
  } catch (const std::exception& failure) {
    log::error("background work of the API server failed", {{"why", failure.what()}});
  }
  std::optional<WallTime> next = tick_watches();
  const bool more = clean_due_ || budgets_due_ || !collector_->idle();
  if (more) return core_.options.now();
  return next && *next < next_expiry_ ? next : next_expiry_;
}

std::optional<WallTime> Server::tick_watches() {
  std::optional<WallTime> next;
  const WallTime now = core_.options.now();
  std::erase_if(core_.watches, [](const auto& weak) { return weak.expired(); });
  const auto watches = core_.watches;
  for (const auto& weak : watches) {
    const auto watch = weak.lock();
    if (watch == nullptr) continue;
    try {
      const std::optional<WallTime> due = watch->tick(now);
      if (due && (!next || *due < *next)) next = due;
    } catch (const std::exception& failure) {
      log::error("a watch failed", {{"why", failure.what()}});
    }
  }
  return next;
}

void Server::compact() {
  core_.store->compact();
  for (const auto& weak : core_.watches) {
    if (const auto watch = weak.lock()) watch->expire();
  }
}

Result<std::unique_ptr<ApiServer>> ApiServer::open(Options options) {
  if (!options.now || !options.random) {
    return Status(Code::kInvalid, "the API server needs a clock and a source of randomness");
  }
  auto store = options.restored_from
                   ? Store::restore(options.database, options.watch_history, *options.restored_from)
                   : Store::open(options.database, options.watch_history);
  if (!store) return store.status();
  auto server = std::make_unique<Server>(std::move(options), std::move(store).value());
  if (Status status = server->start(); !status.is_ok()) return status;
  return std::unique_ptr<ApiServer>(std::move(server));
}

}  // namespace k8s::apiserver
