// Core and Call: what the server's parts share, and one request on its way through them.
//
// Core owns the state (store, registry); the functions of reader, writer, remove, ... take it as
// their first argument and keep nothing themselves. A Call is made once per request, after the
// route is known.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libk8s/apiserver/core/registry.hpp"
#include "libk8s/apiserver/schema/decode.hpp"
#include "libk8s/apiserver/server.hpp"
#include "libk8s/apiserver/store/store.hpp"
#include "libk8s/apiserver/wire/error.hpp"
#include "libk8s/apiserver/wire/media.hpp"
#include "libk8s/apiserver/wire/target.hpp"

namespace k8s::apiserver {

class Watch;

// Largest request body, and the deepest nesting of its JSON.
inline constexpr std::size_t kMaxBodyBytes = std::size_t{3} << 20;

struct Core {
  Core(Options given, std::unique_ptr<Store> opened)
      : options(std::move(given)), store(std::move(opened)), registry(options.version) {}

  Options options;
  std::unique_ptr<Store> store;
  Registry registry;
  std::vector<std::weak_ptr<Watch>> watches;  // every open one, for bookmarks and deadlines

  std::string now_text() const;  // whole seconds, as metadata has it
  std::string random_uid() const;
};

struct Call {
  const http::Request& request;
  const Caller& caller;
  Target target;
  TypeRef type;
  Media media;
  bool dry_run = false;
  std::string manager;
  FieldValidation validation = FieldValidation::kWarn;
  std::vector<std::string> warnings;
};

// One object of a served type, wherever it stands.
ObjectId object_id(const ResourceType& type, std::string_view ns, std::string_view name);

// A stored object in the version of `type`: Events in their other form, custom resources under
// another version's name and with defaults that their schema has gained since.
// `shared` points at the stored JSON when nothing had to change; else the result is a new value.
class View {
 public:
  View(const ResourceType& type, ObjectPtr object);
  const nlohmann::json& json() const;
  // The JSON text, from the store's own copy where that is possible.
  std::string text() const;
  bool is_stored_form() const { return converted_ == nullptr; }

 private:
  ObjectPtr object_;
  std::shared_ptr<nlohmann::json> converted_;
};

// The other way: an object of `type`'s version to the stored form.
nlohmann::json to_stored(const ResourceType& type, nlohmann::json object);

// Metadata accessors that make what is missing.
std::string name_of(const nlohmann::json& object);
std::string namespace_of(const nlohmann::json& object);
bool is_deleting(const nlohmann::json& object);
bool has_finalizer(const nlohmann::json& object, std::string_view finalizer);
void remove_finalizer(nlohmann::json& object, std::string_view finalizer);
void add_finalizer(nlohmann::json& object, std::string_view finalizer);

// A schema module's Status as an ApiError (its HTTP code and reason are kept).
ApiError from_status(const Status& status);
ApiError from_field_errors(const Subject& subject, const FieldErrors& errors);

// The answer that carries one object, in the form that the call asked for.
Reply object_reply(const Core& core, const Call& call, int http, const nlohmann::json& object);
Reply error_reply(const ApiError& error);
Reply status_reply(int http, const nlohmann::json& body);
// Adds `Warning: 299` headers.
void add_warnings(http::Response& response, const std::vector<std::string>& warnings);

}  // namespace k8s::apiserver
