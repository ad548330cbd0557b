// An acknowledged write survives kill -9 of the process, at whatever moment it comes.
//
// A child process writes and tells each acknowledgement over a pipe; the test kills it after a
// random number of them, opens what it left behind and compares.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "tests/unit/apiserver/core_bench.hpp"

namespace k8s::apiserver::testing {
namespace {

// One acknowledgement: what was written last, and its revision.
struct Ack {
  std::uint64_t number = 0;
  std::uint64_t revision = 0;
};

std::string map(std::uint64_t number) {
  return std::string(kMaps) + "/m" + std::to_string(number % 10);
}

// Creates, changes and deletes for ever: object n % 10 gets value n; each seventh is deleted.
[[noreturn]] void write_for_ever(const std::string& file, std::uint64_t from, int pipe) {
  Bench bench(file);
  for (std::uint64_t number = from;; ++number) {
    const Json object = [&] {
      Json made = config_map("m" + std::to_string(number % 10));
      made["data"]["number"] = std::to_string(number);
      return made;
    }();
    Answer answer = bench.put(map(number), object);
    if (answer.status == 404) answer = bench.post(kMaps, object);
    if (answer.status >= 300) ::_exit(1);
    if (number % 7 == 0 && bench.remove(map(number)).status != 200) ::_exit(1);
    const Ack ack{number, std::stoull(answer.version())};
    if (::write(pipe, &ack, sizeof ack) != sizeof ack) ::_exit(0);
  }
}

// Runs a writer until it has acknowledged `count` times, kills it, and gives its last word.
Ack run_and_kill(const std::string& file, std::uint64_t from, std::uint64_t count) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) write_for_ever(file, from, ends[1]);
  ::close(ends[1]);
  Ack last;
  while (count-- > 0 && ::read(ends[0], &last, sizeof last) == sizeof last) {
  }
  ::kill(child, SIGKILL);
  // What was acknowledged between the last read and the kill counts as well.
  for (Ack more; ::read(ends[0], &more, sizeof more) == sizeof more;) last = more;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself";
  return last;
}

TEST(Durability, No_acknowledged_write_is_lost_to_kill_9_and_revisions_go_on) {
  std::string pattern = std::filesystem::temp_directory_path() / "durable-XXXXXX";
  const std::string folder = ::mkdtemp(pattern.data());
  const std::string file = folder + "/objects.db";
  Ack last;
  std::uint64_t seed = 42;
  for (int cycle = 0; cycle < 25; ++cycle) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    last = run_and_kill(file, last.number + 1, 1 + (seed >> 33U) % 40);
    Bench bench(file);
    const Answer list = bench.get(kMaps);
    EXPECT_GE(std::stoull(list.version()), last.revision);
    for (std::uint64_t back = 0; back < 10 && back < last.number; ++back) {
      const std::uint64_t number = last.number - back;
      const Answer found = bench.get(map(number));
      // The write after the last acknowledged one may or may not have happened.
      const bool maybe_newer = number + 10 == last.number + 1;
      if (maybe_newer) continue;
      if (number % 7 == 0) {
        EXPECT_EQ(found.status, 404) << "cycle " << cycle << " number " << number;
      } else {
        EXPECT_EQ(found.body["data"]["number"], std::to_string(number)) << "cycle " << cycle;
      }
    }
  }
  EXPECT_GT(last.number, 100U);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace k8s::apiserver::testing
