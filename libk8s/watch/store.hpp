// Store: the objects of one type, packed, found by namespace/name. One writer, many readers.
//
// Picture: entries lie densely in a deque, each a 64-bit hash of its key and the packed object; a
// table of 32-bit slot numbers finds them by hash. The key itself is not stored again: it is in the
// packed object, which is unpacked to be compared. So an entry costs its packed object and about 20
// bytes, and the one unpacking that a hit costs is the one that its reader needs anyway.
//
// Invariants:
//  1. Every entry stands in the table exactly once; the table is at most 3/4 full.
//  2. Two entries never have the same key.
//  3. The order of `for_each` follows from the calls made, not from hashes or addresses.
// Hashes are salted, so that names chosen from outside cannot make all keys collide.
// Threads: one at a time.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libk8s/watch/codec.hpp"

namespace k8s {

// A hash for keys from outside.
inline std::uint64_t salted_hash(std::string_view text, std::uint64_t salt) {
  const auto mix = [](std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  };
  std::uint64_t hash = mix(salt ^ text.size());
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t n = text.size() < 8 ? text.size() : 8;
    std::memcpy(&word, text.data(), n);
    hash = mix((hash + 0x9e3779b97f4a7c15) ^ word);
    text.remove_prefix(n);
  }
  return hash;
}

// The table of slot numbers, with linear probing. It knows no hashes: `hash_of(slot)` is asked.
class SlotTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // The slot whose hash is `hash` and for which `matches(slot)`, or kNone.
  template <class HashOf, class Matches>
  std::uint32_t find(std::uint64_t hash, const HashOf& hash_of, const Matches& matches) const {
    if (cells_.empty()) return kNone;
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      const std::uint32_t slot = cells_[at];
      if (slot == kNone) return kNone;
      if (hash_of(slot) == hash && matches(slot)) return slot;
    }
  }

  template <class HashOf>
  void insert(std::uint64_t hash, std::uint32_t slot, const HashOf& hash_of) {
    if ((used_ + 1) * 4 > cells_.size() * 3) grow(hash_of);
    place(hash, slot);
    ++used_;
  }

  // Takes out `slot`, and moves up what was displaced by it.
  template <class HashOf>
  void erase(std::uint64_t hash, std::uint32_t slot, const HashOf& hash_of) {
    std::size_t hole = cell_of(hash, slot);
    --used_;
    for (std::size_t at = (hole + 1) & mask();; at = (at + 1) & mask()) {
      const std::uint32_t moved = cells_[at];
      if (moved == kNone) break;
      const std::size_t home = hash_of(moved) & mask();
      // `moved` may fill the hole only if its home does not lie behind the hole.
      if (((at - home) & mask()) < ((at - hole) & mask())) continue;
      cells_[hole] = moved;
      hole = at;
    }
    cells_[hole] = kNone;
  }

  // The entry of slot `from` is now at `to`.
  void rename(std::uint64_t hash, std::uint32_t from, std::uint32_t to) {
    cells_[cell_of(hash, from)] = to;
  }

 private:
  std::size_t mask() const { return cells_.size() - 1; }

  std::size_t cell_of(std::uint64_t hash, std::uint32_t slot) const {
    std::size_t at = hash & mask();
    while (cells_[at] != slot) at = (at + 1) & mask();
    return at;
  }

  void place(std::uint64_t hash, std::uint32_t slot) {
    std::size_t at = hash & mask();
    while (cells_[at] != kNone) at = (at + 1) & mask();
    cells_[at] = slot;
  }

  template <class HashOf>
  void grow(const HashOf& hash_of) {
    const std::size_t size = cells_.empty() ? 16 : cells_.size() * 2;
    std::vector<std::uint32_t> old(size, kNone);
    old.swap(cells_);
    for (const std::uint32_t slot : old) {
      if (slot != kNone) place(hash_of(slot), slot);
    }
  }

  std::vector<std::uint32_t> cells_;  // a power of two of them
  std::size_t used_ = 0;
};

template <class T>
class Store {
 public:
  using Object = std::shared_ptr<const T>;
  using Packed = typename Codec<T>::Packed;

  explicit Store(std::uint64_t salt) : salt_(salt) {}

  std::size_t size() const { return entries_.size(); }

  // The object under `key`, or null.
  Object find(std::string_view key) const {
    Object found;
    lookup(key, found);
    return found;
  }

  // Puts `object` under its key; gives what stood there before, or null.
  Object put(const T& object) {
    const std::string key = Codec<T>::meta(object).key();
    Object before;
    const std::uint32_t slot = lookup(key, before);
    if (slot != SlotTable::kNone) {
      entries_[slot].packed = Codec<T>::pack(object);
      return before;
    }
    const std::uint64_t hash = salted_hash(key, salt_);
    entries_.push_back({hash, Codec<T>::pack(object)});
    table_.insert(hash, static_cast<std::uint32_t>(entries_.size() - 1), hasher());
    return nullptr;
  }

  // Takes the object under `key` out, and gives it; null when there was none.
  Object erase(std::string_view key) {
    Object before;
    const std::uint32_t slot = lookup(key, before);
    if (slot == SlotTable::kNone) return nullptr;
    table_.erase(entries_[slot].hash, slot, hasher());
    const auto last = static_cast<std::uint32_t>(entries_.size() - 1);
    if (slot != last) {
      table_.rename(entries_[last].hash, last, slot);
      entries_[slot] = std::move(entries_[last]);
    }
    entries_.pop_back();
    return before;
  }

  // `visit` may read the store, but not change it.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Entry& entry : entries_) visit(Codec<T>::unpack(entry.packed));
  }

  // Visits what `other`, a store of the same salt, does not hold in just this form. Unchanged
  // objects are told from their packed form alone, where that can be compared, and are not
  // unpacked.
  template <class Visit>
  void for_each_unlike(const Store& other, const Visit& visit) const {
    for (const Entry& entry : entries_) {
      if (!other.holds(entry)) visit(Codec<T>::unpack(entry.packed));
    }
  }

 private:
  struct Entry {
    std::uint64_t hash;
    Packed packed;
  };

  auto hasher() const {
    return [this](std::uint32_t slot) { return entries_[slot].hash; };
  }

  std::uint32_t lookup(std::string_view key, Object& found) const {
    return table_.find(salted_hash(key, salt_), hasher(), [&](std::uint32_t slot) {
      Object object = Codec<T>::unpack(entries_[slot].packed);
      if (Codec<T>::meta(*object).key() != key) return false;
      found = std::move(object);
      return true;
    });
  }

  bool holds(const Entry& entry) const {
    if constexpr (std::equality_comparable<Packed>) {
      const auto same = [&](std::uint32_t slot) { return entries_[slot].packed == entry.packed; };
      return table_.find(entry.hash, hasher(), same) != SlotTable::kNone;
    } else {
      return false;
    }
  }

  std::uint64_t salt_;
  std::deque<Entry> entries_;
  SlotTable table_;
};

}  // namespace k8s
