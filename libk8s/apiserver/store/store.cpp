#include "libk8s/apiserver/store/store.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace k8s::apiserver {
namespace {

std::string uid_of(const nlohmann::json& object) {
  const auto meta = object.find("metadata");
  if (meta == object.end() || !meta->is_object()) return {};
  const auto uid = meta->find("uid");
  return uid != meta->end() && uid->is_string() ? uid->get<std::string>() : std::string();
}

}  // namespace

Stored::Stored(ObjectId id, std::uint64_t revision, nlohmann::json object)
    : id_(std::move(id)),
      revision_(revision),
      json_(std::make_unique<nlohmann::json>(std::move(object))),
      uid_(uid_of(*json_)) {}

Stored::~Stored() = default;

const nlohmann::json& Stored::json() const {
  if (json_ == nullptr) {
    json_ = std::make_unique<nlohmann::json>(nlohmann::json::parse(text_, nullptr, false));
  }
  return *json_;
}

const std::string& Stored::text() const {
  if (text_.empty()) {
    text_ = json_->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return text_;
}

void Stored::shrink() const {
  if (json_ == nullptr) return;
  (void)text();
  json_.reset();
}

Result<std::unique_ptr<Store>> Store::open(const std::string& path, std::size_t history) {
  Result<Database> database = Database::open(path);
  if (!database) return database.status();
  std::unique_ptr<Store> store(
      new Store(std::move(database).value(), std::max<std::size_t>(history, 1)));
  if (Status status = store->load(); !status.is_ok()) return status;
  return store;
}

Result<std::unique_ptr<Store>> Store::restore(const std::string& path, std::size_t history,
                                              const Backup& backup) {
  Result<std::unique_ptr<Store>> opened = open(path, history);
  if (!opened) return opened;
  Store& store = **opened;
  if (!store.tables_.empty())
    return Status(Code::kInvalid, "a backup is restored into an empty database only");
  for (const ObjectPtr& object : backup.objects) {
    const ObjectId& id = object->id();
    const Status put = store.database_.put(id, object->revision(), object->text());
    if (!put.is_ok()) return put;
    store.tables_[id.resource].objects[{id.ns, id.name}] = object;
  }
  // The counter may stand at a deletion, of which no object is left.
  const Status counted = store.database_.remove({}, backup.revision);
  if (!counted.is_ok()) return counted;
  store.revision_ = store.base_ = backup.revision;
  for (auto& [name, table] : store.tables_) table.floor = store.base_;
  return opened;
}

Backup Store::backup() const {
  Backup out{revision_, {}};
  for (const auto& [name, table] : tables_)
    for (const auto& [key, object] : table.objects) out.objects.push_back(object);
  return out;
}

Status Store::load() {
  Result<std::uint64_t> revision = database_.revision();
  if (!revision) return revision.status();
  revision_ = base_ = *revision;
  return database_.load([this](ObjectId id, std::uint64_t at, std::string_view text) {
    nlohmann::json object = nlohmann::json::parse(text, nullptr, false);
    if (!object.is_object()) {
      return Status(Code::kInternal, "the database is damaged: " + id.resource + " " + id.ns + "/" +
                                         id.name + " is not an object");
    }
    Key key{id.ns, id.name};
    Table& table = this->table(id.resource);
    table.objects[std::move(key)] = std::make_shared<Stored>(std::move(id), at, std::move(object));
    return Status::ok();
  });
}

Store::Table& Store::table(std::string_view resource) {
  const auto found = tables_.find(resource);
  if (found != tables_.end()) return found->second;
  Table& made = tables_[std::string(resource)];
  made.floor = base_;
  return made;
}

const Store::Table* Store::find(std::string_view resource) const {
  const auto found = tables_.find(resource);
  return found == tables_.end() ? nullptr : &found->second;
}

ObjectPtr Store::get(const ObjectId& id) const {
  const Table* table = find(id.resource);
  if (table == nullptr) return nullptr;
  const auto found = table->objects.find({id.ns, id.name});
  return found == table->objects.end() ? nullptr : found->second;
}

const Objects& Store::all(std::string_view resource) const {
  static const Objects kNone;
  const Table* table = find(resource);
  return table == nullptr ? kNone : table->objects;
}

std::optional<Objects> Store::all_at(std::string_view resource, std::uint64_t revision) const {
  if (revision < floor(resource) || revision > revision_) return std::nullopt;
  Objects objects = all(resource);
  const Table* table = find(resource);
  if (table == nullptr) return objects;
  // Undo what came later, newest first.
  for (auto event = table->events.rbegin(); event != table->events.rend(); ++event) {
    if (event->revision <= revision) break;
    const ObjectId& id = event->after->id();
    if (event->before) {
      objects[{id.ns, id.name}] = event->before;
    } else {
      objects.erase({id.ns, id.name});
    }
  }
  return objects;
}

std::vector<std::string> Store::resources() const {
  std::vector<std::string> names;
  for (const auto& [name, table] : tables_) {
    if (!table.objects.empty()) names.push_back(name);
  }
  return names;
}

Result<ObjectPtr> Store::put(const ObjectId& id, nlohmann::json object) {
  const std::uint64_t revision = revision_ + 1;
  object["metadata"]["resourceVersion"] = std::to_string(revision);
  ObjectPtr after = std::make_shared<Stored>(id, revision, std::move(object));
  if (Status status = database_.put(id, revision, after->text()); !status.is_ok()) return status;
  revision_ = revision;
  Table& table = this->table(id.resource);
  ObjectPtr& slot = table.objects[{id.ns, id.name}];
  ObjectPtr before = std::exchange(slot, after);
  publish(table, {revision, std::move(before), after, false});
  return after;
}

Result<ObjectPtr> Store::remove(const ObjectId& id, nlohmann::json last) {
  const std::uint64_t revision = revision_ + 1;
  if (Status status = database_.remove(id, revision); !status.is_ok()) return status;
  revision_ = revision;
  last["metadata"]["resourceVersion"] = std::to_string(revision);
  Table& table = this->table(id.resource);
  ObjectPtr before = std::move(table.objects[{id.ns, id.name}]);
  table.objects.erase({id.ns, id.name});
  ObjectPtr after = std::make_shared<Stored>(id, revision, std::move(last));
  publish(table, {revision, std::move(before), after, true});
  return after;
}

void Store::publish(Table& table, Event event) {
  table.events.push_back(std::move(event));
  while (table.events.size() > history_) {
    table.floor = table.events.front().revision;
    table.events.pop_front();
  }
  shrink_old(table);
  // A listener may end its own watch, or add another, while it hears of the event.
  const Event told = table.events.back();
  if (observer_) observer_(told);
  std::erase_if(table.listeners, [](const auto& weak) { return weak.expired(); });
  const auto listeners = table.listeners;
  for (const auto& weak : listeners) {
    if (const auto listener = weak.lock()) listener->changed(told);
  }
}

void Store::shrink_old(const Table& table) {
  // Watches that keep up read the newest events only: older states are kept as text.
  constexpr std::size_t kDecoded = 64;
  if (table.events.size() <= kDecoded) return;
  const Event& event = table.events[table.events.size() - kDecoded - 1];
  if (event.before) event.before->shrink();
  if (event.deletion) event.after->shrink();
}

std::uint64_t Store::floor(std::string_view resource) const {
  const Table* table = find(resource);
  return table == nullptr ? base_ : table->floor;
}

const Event* Store::next_event(std::string_view resource, std::uint64_t revision) const {
  const Table* table = find(resource);
  if (table == nullptr) return nullptr;
  const auto later = std::ranges::upper_bound(table->events, revision, {}, &Event::revision);
  return later == table->events.end() ? nullptr : &*later;
}

void Store::compact() {
  base_ = revision_;
  for (auto& [name, table] : tables_) {
    table.events.clear();
    table.floor = base_;
  }
}

void Store::listen(const std::string& resource, std::weak_ptr<Listener> listener) {
  table(resource).listeners.push_back(std::move(listener));
}

}  // namespace k8s::apiserver
