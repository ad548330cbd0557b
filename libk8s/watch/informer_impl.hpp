// The definitions behind informer.hpp, which includes this file; nobody else should.
#pragma once

#include <cassert>
#include <utility>
#include <vector>

#include "libk8s/watch/informer.hpp"
#include "libk8s/watch/store.hpp"
#include "libk8s/watch/watcher.hpp"

namespace k8s {

// Parses one object's JSON and gives it to `use`; keeps the JSON library out of this header.
Status with_json_object(std::string_view text,
                        const std::function<Status(const nlohmann::json&)>& use);

template <class T>
struct Informer<T>::Impl final : WatchSink {
  using Object = std::shared_ptr<const T>;

  Impl(Loop& loop, http::Transport& transport, const InformerOptions& options)
      : salt(loop.random()),
        objects(salt),
        staged(salt),
        watcher(loop, transport, watcher_options(options), *this) {}

  static WatcherOptions watcher_options(const InformerOptions& options) {
    WatcherOptions made;
    made.resource = options.resource ? *options.resource : Codec<T>::resource();
    made.protobuf = Codec<T>::kProtobuf;
    made.ns = options.ns;
    made.label_selector = options.label_selector;
    made.field_selector = options.field_selector;
    made.machine.watch_list = options.watch_list;
    made.machine.may_start_stale = options.may_start_stale;
    made.machine.page_size = options.page_size;
    return made;
  }

  void begin() override { staged = Store<T>(salt); }

  Result<std::string> read(Encoding encoding, std::string_view bytes) override {
    Result<T> object = decode(encoding, bytes);
    if (!object) return object.status();
    current = std::make_shared<const T>(std::move(*object));
    const ObjectMeta& meta = Codec<T>::meta(*current);
    if (meta.name.empty()) return Status(Code::kMalformed, "an object without a name");
    return meta.resource_version;
  }

  void stage(WatchEventType type) override {
    if (type == WatchEventType::kDeleted) {
      staged.erase(Codec<T>::meta(*current).key());
    } else {
      staged.put(*current);
    }
  }

  void apply(WatchEventType type) override {
    const Object now = std::move(current);
    if (type != WatchEventType::kDeleted) return deliver_change(objects.put(*now), now);
    const Object before = objects.erase(Codec<T>::meta(*now).key());
    if (!before) return;
    // The event carries the state at which the object is absent; handlers get that as `before`,
    // unless it is another object's: then ours has gone unseen.
    const bool same = uid(before) == uid(now);
    deliver({same ? now : before, nullptr, !same});
  }

  void stage_unread(WatchEventType type, const std::string& key) override {
    if (type == WatchEventType::kDeleted) {
      staged.erase(key);
    } else if (const Object kept = objects.find(key); kept && !staged.find(key)) {
      staged.put(*kept);
    }
  }

  void apply_unread(WatchEventType type, const std::string& key) override {
    if (type != WatchEventType::kDeleted) return;
    if (const Object before = objects.erase(key)) deliver({before, nullptr, true});
  }

  void commit() override {
    std::swap(objects, staged);
    const Store<T> old = std::exchange(staged, Store<T>(salt));
    // With nobody to tell, the difference need not be found: that would unpack every object.
    if (!handlers.empty()) deliver_differences(old);
    if (std::exchange(synced, true)) return;
    for (const auto& done : synced_handlers) done();
  }

  void went_back() override {
    for (const auto& told : went_back_handlers) told();
  }

  // What the state before and the one now do not share, told object by object.
  void deliver_differences(const Store<T>& old) {
    if (old.size() == 0) {
      objects.for_each([&](const Object& now) { deliver({nullptr, now, false}); });
      return;
    }
    old.for_each_unlike(objects, [&](const Object& before) {
      const Object now = objects.find(Codec<T>::meta(*before).key());
      if (!now || uid(now) != uid(before)) deliver({before, nullptr, true});
    });
    objects.for_each_unlike(old, [&](const Object& now) {
      const Object before = old.find(Codec<T>::meta(*now).key());
      if (!before || uid(before) != uid(now)) {
        deliver({nullptr, now, false});
      } else if (version(before) != version(now)) {
        deliver({before, now, false});
      }
    });
  }

  void deliver_change(const Object& before, const Object& now) {
    if (before && uid(before) != uid(now)) {
      deliver({before, nullptr, true});
      deliver({nullptr, now, false});
    } else {
      deliver({before, now, false});
    }
  }

  void deliver(const Event& event) {
    for (const EventHandler& handler : handlers) handler(event);
  }

  static Result<T> decode(Encoding encoding, std::string_view bytes) {
    if constexpr (Codec<T>::kProtobuf) {
      if (encoding == Encoding::kProtobuf) return Codec<T>::from_protobuf(bytes);
    } else if (encoding == Encoding::kProtobuf) {
      return Status(Code::kMalformed, "the server sent protobuf where JSON was asked for");
    }
    std::optional<T> object;
    const Status status = with_json_object(bytes, [&](const nlohmann::json& json) {
      Result<T> read = Codec<T>::from_json(json);
      if (!read) return read.status();
      object = std::move(*read);
      return Status::ok();
    });
    if (!status.is_ok()) return status;
    return std::move(*object);
  }

  static const std::string& uid(const Object& object) { return Codec<T>::meta(*object).uid; }
  static const std::string& version(const Object& object) {
    return Codec<T>::meta(*object).resource_version;
  }

  std::uint64_t salt;
  Store<T> objects;
  Store<T> staged;  // the state that comes in, during a list or the start of a WatchList
  Object current;   // read, and not yet staged or applied
  std::vector<EventHandler> handlers;
  std::vector<std::function<void()>> synced_handlers, went_back_handlers;
  bool synced = false;
  Watcher watcher;
};

template <class T>
Informer<T>::Informer(Loop& loop, http::Transport& transport, InformerOptions options)
    : impl_(std::make_unique<Impl>(loop, transport, options)) {}

template <class T>
Informer<T>::~Informer() = default;

template <class T>
void Informer<T>::on_event(EventHandler handler) {
  impl_->handlers.push_back(std::move(handler));
}

template <class T>
void Informer<T>::on_synced(std::function<void()> done) {
  impl_->synced_handlers.push_back(std::move(done));
}

template <class T>
void Informer<T>::on_went_back(std::function<void()> told) {
  impl_->went_back_handlers.push_back(std::move(told));
}

template <class T>
void Informer<T>::start() {
  impl_->watcher.start();
}

template <class T>
void Informer<T>::stop() {
  impl_->watcher.stop();
}

template <class T>
bool Informer<T>::synced() const {
  return impl_->synced;
}

template <class T>
std::shared_ptr<const T> Informer<T>::get(std::string_view key) const {
  return impl_->objects.find(key);
}

template <class T>
void Informer<T>::for_each(
    const std::function<void(const std::shared_ptr<const T>&)>& visit) const {
  impl_->objects.for_each(visit);
}

template <class T>
std::size_t Informer<T>::size() const {
  return impl_->objects.size();
}

template <class T>
std::string Informer<T>::resource_version() const {
  return impl_->watcher.resource_version();
}

template <class T>
Status Informer<T>::last_error() const {
  return impl_->watcher.last_error();
}

template <class T>
std::uint64_t Informer<T>::skipped() const {
  return impl_->watcher.skipped();
}

}  // namespace k8s
