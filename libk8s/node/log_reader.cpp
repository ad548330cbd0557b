#include "libk8s/node/log_reader.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "libk8s/codec/rfc3339.hpp"

namespace k8s::node {
namespace {

// The segments of an attempt that are there, in order.
std::vector<int> segments_of(const std::string& folder, int attempt) {
  std::vector<int> segments;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const LogFileId id = parse_log_file_name(entry.path().filename().string());
    if (id.attempt == attempt) segments.push_back(id.segment);
  }
  std::sort(segments.begin(), segments.end());
  return segments;
}

struct Piece {
  std::string_view time, text;
  bool whole = true;  // the line ends here
};

// "<time> <stream> <F|P> <text>"
std::optional<Piece> parse_piece(std::string_view line) {
  Piece piece;
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos || second + 2 >= line.size()) return std::nullopt;
  if (line[second + 2] != ' ') return std::nullopt;
  piece.time = line.substr(0, first);
  piece.whole = line[second + 1] == 'F';
  piece.text = line.substr(second + 3);
  return piece;
}

// Where the last `lines` lines begin in `text`; `lines` is reduced by those found. A line counts
// where it ends, and an unfinished one at the very end counts too.
std::size_t tail_start(std::string_view text, std::int64_t& lines, bool& at_end) {
  std::size_t end = text.size();
  std::size_t start = end;
  while (end > 0) {
    const std::size_t newline = end >= 2 ? text.rfind('\n', end - 2) : std::string_view::npos;
    const std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    const std::optional<Piece> piece = parse_piece(text.substr(begin, end - begin));
    const bool ends_line = !piece || piece->whole || at_end;
    if (ends_line && lines == 0) return start;
    if (ends_line) --lines;
    at_end = false;
    start = end = begin;
  }
  return start;
}

}  // namespace

LogReader::LogReader(std::string folder, int attempt, LogReadOptions options)
    : folder_(std::move(folder)), attempt_(attempt), options_(options), left_(options.limit_bytes) {
  if (options_.tail_lines) seek_tail(std::max<std::int64_t>(0, *options_.tail_lines));
}

void LogReader::seek_tail(std::int64_t lines) {
  const std::vector<int> segments = segments_of(folder_, attempt_);
  bool at_end = true;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    const std::string path = folder_ + "/" + log_file_name(attempt_, *segment);
    const Result<std::string> text = read_file(path, std::size_t{1} << 30);
    if (!text) continue;
    const std::size_t start = tail_start(*text, lines, at_end);
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || ::lseek(file.get(), static_cast<off_t>(start), SEEK_SET) < 0) return;
    file_ = std::move(file);
    segment_ = *segment;
    if (start > 0) return;
  }
}

void LogReader::next_segment() {
  for (const int segment : segments_of(folder_, attempt_)) {
    if (segment <= segment_) continue;
    const std::string path = folder_ + "/" + log_file_name(attempt_, segment);
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) continue;
    file_ = std::move(file);
    segment_ = segment;
    partial_.clear();
    return;
  }
}

std::string LogReader::read(std::size_t most) {
  std::string out;
  while (out.size() < most && !exhausted()) {
    if (read_some(out)) continue;
    if (!has_newer_segment()) break;
    // The writer begins a segment after the last byte of the one before: a second look at the old
    // one, taken after the new one was seen, misses nothing.
    if (!read_some(out)) next_segment();
  }
  return out;
}

bool LogReader::has_newer_segment() const {
  const std::vector<int> segments = segments_of(folder_, attempt_);
  return !segments.empty() && segments.back() > segment_;
}

bool LogReader::read_some(std::string& out) {
  char buffer[32768];
  ssize_t n = 0;
  do {
    n = file_ ? ::read(file_.get(), buffer, sizeof buffer) : 0;
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  partial_.append(buffer, static_cast<std::size_t>(n));
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = partial_.find('\n', begin)) != std::string::npos;) {
    format(std::string_view(partial_).substr(begin, end - begin), out);
    begin = end + 1;
  }
  partial_.erase(0, begin);
  return true;
}

void LogReader::format(std::string_view line, std::string& out) {
  const std::optional<Piece> piece = parse_piece(line);
  if (!piece || exhausted()) return;
  if (!inside_line_ && options_.since) {
    const Result<WallTime> time = parse_time(piece->time);
    skipping_ = time && *time < *options_.since;
  }
  const bool first = !inside_line_;
  inside_line_ = !piece->whole;
  if (skipping_) return;
  std::string text;
  if (options_.timestamps && first) text.append(piece->time).append(" ");
  text += piece->text;
  if (piece->whole) text += '\n';
  if (left_) {
    text.resize(std::min(text.size(), static_cast<std::size_t>(std::max<std::int64_t>(0, *left_))));
    *left_ -= static_cast<std::int64_t>(text.size());
  }
  out += text;
}

}  // namespace k8s::node
