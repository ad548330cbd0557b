#include "libk8s/node/log_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "libk8s/codec/rfc3339.hpp"

namespace k8s::node {
namespace {
constexpr std::size_t kLongestPiece = 16 << 10;
constexpr std::size_t kFlushBytes = 64 << 10;
}  // namespace

std::string log_file_name(int attempt, int segment) {
  return std::to_string(attempt) + "." + std::to_string(segment) + ".log";
}

LogFileId parse_log_file_name(std::string_view name) {
  LogFileId id;
  const char* const end = name.data() + name.size();
  const auto first = std::from_chars(name.data(), end, id.attempt);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') return {};
  const auto second = std::from_chars(first.ptr + 1, end, id.segment);
  if (second.ec != std::errc() || std::string_view(second.ptr, end) != ".log") return {};
  return id.attempt < 0 || id.segment < 0 ? LogFileId{} : id;
}

LogWriter::LogWriter(Options options) : options_(std::move(options)) {
  (void)make_folders(options_.folder);
  remove_old_attempts();
  open_segment();
}

void LogWriter::remove_old_attempts() const {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder, error)) {
    const LogFileId id = parse_log_file_name(entry.path().filename().string());
    if (id.attempt >= 0 && id.attempt < options_.attempt - 1) ::unlink(entry.path().c_str());
  }
}

void LogWriter::open_segment() {
  const auto path = [this](int segment) {
    return options_.folder + "/" + log_file_name(options_.attempt, segment);
  };
  ++segment_;
  size_ = 0;
  file_ = Fd(::open(path(segment_).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  const int oldest = segment_ - options_.files;
  if (oldest >= 0) ::unlink(path(oldest).c_str());
}

void LogWriter::write(LogStream stream, std::string_view bytes, WallTime now) {
  std::string& partial = partial_.at(static_cast<std::size_t>(stream));
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::size_t room = kLongestPiece - partial.size();
    if (newline != std::string_view::npos && newline <= room) {
      partial.append(bytes.substr(0, newline));
      append(stream, true, partial, now);
      partial.clear();
      bytes.remove_prefix(newline + 1);
    } else if (bytes.size() <= room) {
      partial.append(bytes);
      bytes = {};
    } else {
      partial.append(bytes.substr(0, room));
      append(stream, false, partial, now);
      partial.clear();
      bytes.remove_prefix(room);
    }
  }
  flush();
}

void LogWriter::close(WallTime now) {
  for (const LogStream stream : {LogStream::kStdout, LogStream::kStderr}) {
    std::string& partial = partial_.at(static_cast<std::size_t>(stream));
    if (!partial.empty()) append(stream, false, partial, now);
    partial.clear();
  }
  flush();
  file_.reset();
}

void LogWriter::append(LogStream stream, bool whole, std::string_view text, WallTime now) {
  pending_ += format_nano_time(now);
  pending_ += stream == LogStream::kStdout ? " stdout " : " stderr ";
  pending_ += whole ? "F " : "P ";
  pending_ += text;
  pending_ += '\n';
  const auto total = size_ + static_cast<std::int64_t>(pending_.size());
  if (pending_.size() >= kFlushBytes || total >= options_.file_bytes) flush();
}

void LogWriter::flush() {
  std::string_view rest = pending_;
  while (!rest.empty() && file_) {
    const ssize_t n = ::write(file_.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    rest.remove_prefix(static_cast<std::size_t>(n));
    size_ += n;
  }
  pending_.clear();
  if (size_ >= options_.file_bytes) open_segment();
}

}  // namespace k8s::node
