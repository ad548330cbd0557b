// Words: the pieces of a scenario line.
//
// Reading never guesses: what is not understood throws BadLine with the word in question, which
// the runner turns into "line 7: ...".
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "scheduler/resources.hpp"

namespace sched::scenario {

struct BadLine : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Words = std::vector<std::string>;

// Words by blanks; "quoted text" and (text in brackets) stay together, without the quotes and
// with the brackets. # begins a comment.
Words split_words(const std::string& line);
std::vector<std::string> split(const std::string& text, char at);

// Takes the first word off.
std::string take(Words& words);
// Takes "key=value" out of the words and returns the value; `otherwise` when it is not there.
std::string option(Words& words, const std::string& key, const std::string& otherwise = "");
// Takes all "prefix.name=value" out: pairs of name and value.
std::vector<std::pair<std::string, std::string>> options(Words& words, const std::string& prefix);
bool flag(Words& words, const std::string& word);
// Throws when words are left over.
void no_more(const Words& words);

std::int64_t integer(const std::string& text);
std::int64_t duration_ns(const std::string& text);  // 5us 2ms 30s 10m 2h 1d
std::int64_t milli_cores(const std::string& text);  // 64, 0.5, 64cpu
std::int64_t bytes(const std::string& text);        // 256Gi, 512Mi
std::int64_t thousandths(const std::string& text);
std::int64_t millionths(const std::string& text);  // 8.50

}  // namespace sched::scenario
