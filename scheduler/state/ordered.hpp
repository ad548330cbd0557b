// Ordered: a sorted list in blocks that knows the rank of each entry.
//
// Entries are small values; the order is handed in with each call (it may look into tables that
// are copied together with the list, which a stored comparator could not follow). It must be total
// and must not change for an entry that is in the list. Insert, erase and rank cost a search plus
// one block's move: about a microsecond at 100,000 entries.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace sched {

template <class T>
class Ordered {
 public:
  // Where an entry stands. Valid until the list changes.
  struct Cursor {
    std::size_t block = 0, index = 0;
  };

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& front() const { return blocks_.front().front(); }

  bool at_end(Cursor c) const { return c.block >= blocks_.size(); }
  const T& get(Cursor c) const { return blocks_[c.block][c.index]; }
  Cursor begin() const { return {}; }
  Cursor next(Cursor c) const {
    return c.index + 1 < blocks_[c.block].size() ? Cursor{c.block, c.index + 1}
                                                 : Cursor{c.block + 1, 0};
  }

  // The last entry, and the one before another; at_end where there is none.
  Cursor last() const {
    return blocks_.empty() ? Cursor{} : Cursor{blocks_.size() - 1, blocks_.back().size() - 1};
  }
  Cursor previous(Cursor c) const {
    if (c.index > 0) return {c.block, c.index - 1};
    if (c.block > 0) return {c.block - 1, blocks_[c.block - 1].size() - 1};
    return {blocks_.size(), 0};
  }

  // The first entry for which `before(entry)` is false.
  template <class Before>
  Cursor lower_bound(const Before& before) const {
    auto block = std::partition_point(blocks_.begin(), blocks_.end(),
                                      [&](const auto& b) { return before(b.back()); });
    if (block == blocks_.end()) return {blocks_.size(), 0};
    auto entry = std::partition_point(block->begin(), block->end(), before);
    return {static_cast<std::size_t>(block - blocks_.begin()),
            static_cast<std::size_t>(entry - block->begin())};
  }

  template <class Less>
  void insert(const T& entry, const Less& less) {
    ++size_;
    if (blocks_.empty()) {
      blocks_.push_back({entry});
      return;
    }
    Cursor c = lower_bound([&](const T& other) { return less(other, entry); });
    if (at_end(c)) c = {blocks_.size() - 1, blocks_.back().size()};
    auto& block = blocks_[c.block];
    block.insert(block.begin() + static_cast<std::ptrdiff_t>(c.index), entry);
    if (block.size() > kBlock) split(c.block);
  }

  // Returns whether the entry was there.
  template <class Less>
  bool erase(const T& entry, const Less& less) {
    const Cursor c = lower_bound([&](const T& other) { return less(other, entry); });
    if (at_end(c) || less(entry, get(c))) return false;
    auto& block = blocks_[c.block];
    block.erase(block.begin() + static_cast<std::ptrdiff_t>(c.index));
    if (block.empty()) blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(c.block));
    --size_;
    return true;
  }

  // How many entries stand before the cursor.
  std::size_t rank(Cursor c) const {
    std::size_t before = c.index;
    for (std::size_t i = 0; i < c.block; ++i) before += blocks_[i].size();
    return before;
  }

 private:
  static constexpr std::size_t kBlock = 512;

  void split(std::size_t at) {
    auto& block = blocks_[at];
    const auto middle = block.begin() + static_cast<std::ptrdiff_t>(block.size() / 2);
    std::vector<T> upper(middle, block.end());
    block.erase(middle, block.end());
    blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(upper));
  }

  std::vector<std::vector<T>> blocks_;  // none empty
  std::size_t size_ = 0;
};

}  // namespace sched
