// Few: a list that is nearly always short, without memory of its own as long as it is.
//
// For small values. Up to N lie inside, more in a vector beside it; either way they are contiguous.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace sched {

template <class T, std::size_t N>
class Few {
 public:
  Few() = default;
  explicit Few(std::size_t count) { resize(count); }
  Few(std::initializer_list<T> list) {
    for (const T& value : list) push_back(value);
  }
  Few(const Few& other)
      : few_(other.few_),
        size_(other.size_),
        many_(other.many_ ? std::make_unique<std::vector<T>>(*other.many_) : nullptr) {}
  Few& operator=(const Few& other) {
    if (this == &other) return *this;
    few_ = other.few_;
    size_ = other.size_;
    many_ = other.many_ ? std::make_unique<std::vector<T>>(*other.many_) : nullptr;
    return *this;
  }
  Few(Few&& other) noexcept
      : few_(other.few_), size_(std::exchange(other.size_, 0)), many_(std::move(other.many_)) {}
  Few& operator=(Few&& other) noexcept {
    few_ = other.few_;
    many_ = std::move(other.many_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~Few() = default;

  T* begin() { return many_ ? many_->data() : few_.data(); }
  T* end() { return begin() + size_; }
  const T* begin() const { return many_ ? many_->data() : few_.data(); }
  const T* end() const { return begin() + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return begin()[i]; }
  const T& operator[](std::size_t i) const { return begin()[i]; }
  const T& front() const { return *begin(); }
  const T& back() const { return *(end() - 1); }

  void clear() { resize(0); }
  void resize(std::size_t count) {
    grow(count);
    for (std::size_t i = size_; i < count; ++i) begin()[i] = {};
    size_ = count;
  }
  void push_back(const T& value) { insert(end(), value); }
  void pop_back() { resize(size_ - 1); }
  T* insert(const T* before, const T& value) {
    const std::ptrdiff_t at = before - begin();
    grow(size_ + 1);
    T* const place = begin() + at;
    std::move_backward(place, begin() + size_, begin() + size_ + 1);
    *place = value;
    ++size_;
    return place;
  }
  T* erase(const T* at) {
    T* const place = begin() + (at - begin());
    std::move(place + 1, end(), place);
    --size_;
    return place;
  }

  friend bool operator==(const Few& a, const Few& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  void grow(std::size_t count) {
    if (many_ && many_->size() < count) many_->resize(count * 2);
    if (many_ || count <= N) return;
    many_ = std::make_unique<std::vector<T>>(few_.begin(), few_.begin() + size_);
    many_->resize(count * 2);
  }

  std::array<T, N> few_{};
  std::size_t size_ = 0;
  std::unique_ptr<std::vector<T>> many_;
};

}  // namespace sched
