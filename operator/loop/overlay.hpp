// Overlay: a cache and what the API server answered to our own writes, whichever is newer.
//
// A controller that acts right after its own write must see it, but the watch brings it only later.
// So the object in the answer is kept here until the cache is known to have passed it; both are
// compared by resourceVersion, so that a late answer never hides a newer event.
// Threads: the loop's. `T` has a Codec.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "libk8s/codec/resource_version.hpp"
#include "libk8s/watch/informer.hpp"

namespace fermi {

template <class T>
class Overlay {
 public:
  explicit Overlay(const k8s::Informer<T>& cache) : cache_(cache) {}

  // The newest state that is known, or null.
  std::shared_ptr<const T> get(const std::string& key) {
    auto cached = cache_.get(key);
    const auto written = written_.find(key);
    if (written == written_.end()) return cached;
    if (!passed(cached.get(), *written->second)) return written->second;
    written_.erase(written);
    return cached;
  }

  // Takes in an object that the server answered with.
  void observe(std::shared_ptr<const T> object) {
    const std::string key = object->meta.key();
    auto newest = get(key);
    const bool same = newest != nullptr && newest->meta.uid == object->meta.uid;
    if (same && k8s::has_passed(newest->meta.resource_version, object->meta.resource_version))
      return;
    written_[key] = std::move(object);
  }

  // The server says that there is no such object.
  void forget(const std::string& key) { written_.erase(key); }
  bool is_ahead(const std::string& key) const { return written_.count(key) != 0; }
  std::size_t size() const { return written_.size(); }

 private:
  // Whether the cache knows all that `written` says. An object that is missing from a cache which
  // has passed its version has been deleted since.
  bool passed(const T* cached, const T& written) const {
    const std::string& version = written.meta.resource_version;
    if (cached != nullptr && cached->meta.uid == written.meta.uid &&
        k8s::has_passed(cached->meta.resource_version, version))
      return true;
    return k8s::has_passed(cache_.resource_version(), version);
  }

  const k8s::Informer<T>& cache_;
  std::map<std::string, std::shared_ptr<const T>> written_;
};

}  // namespace fermi
