#include "tests/sim/accounts.hpp"

#include <ctime>
#include <sstream>

namespace fermi::sim {
namespace {

// Plain Pods are all of this queue and namespace; a day and a pool they do not tell.
constexpr const char* kPlain = "default/work/";

// "1.25" in millionths; anything else is 0.
std::int64_t micros(const std::string& amount) {
  std::int64_t whole = 0, rest = 0, unit = 1'000'000;
  bool behind = false;
  for (const char c : amount) {
    if (c == '.') {
      behind = true;
    } else if (c < '0' || c > '9') {
      return 0;
    } else if (!behind) {
      whole = whole * 10 + (c - '0');
    } else if (unit > 1) {
      unit /= 10;
      rest += (c - '0') * unit;
    }
  }
  return whole * 1'000'000 + rest;
}

// "2026-03-01T10:00:00Z" in seconds; -1 when it is none.
std::int64_t seconds_of(const std::string& time) {
  std::tm at{};
  if (strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &at) == nullptr) return -1;
  return timegm(&at);
}

std::string in_words(std::int64_t amount) { return std::to_string(amount) + " millionths"; }

}  // namespace

Accounts::Accounts(SimServer& server, Truth& truth) : server_(server) {
  truth.on_change([this](const std::string& kind, const Json*, const Json* after) {
    if (after == nullptr) return;
    if (kind == "jobs") on_job(*after);
    if (kind == "pods") on_pod(*after);
  });
}

void Accounts::on_job(const Json& object) {
  Job& job = jobs_[text_at(object, "/metadata/uid")];
  job = {};
  job.name = text_at(object, "/metadata/name");
  job.told = micros(text_at(object, "/status/costAccumulated"));
  const Json status = object.value("status", Json::object());
  for (const Json& part : status.value("costs", Json::array()))
    job.costs[text_at(part, "/queue") + "/" + text_at(part, "/tenant") + "/" +
              text_at(part, "/day") + "/" + text_at(part, "/pool")] +=
        micros(text_at(part, "/cost"));
  const std::string phase = text_at(object, "/status/phase");
  const std::int64_t from = seconds_of(text_at(object, "/status/runningSince"));
  const std::int64_t to = seconds_of(text_at(object, "/status/completionTime"));
  if ((phase == "Completed" || phase == "Failed") && from >= 0 && to >= from) job.ran_s = to - from;
}

void Accounts::on_pod(const Json& pod) {
  const bool plain = text_at(pod, "/metadata/labels/fermi-cluster.com~1task-id").empty() &&
                     !text_at(pod, "/metadata/labels/fermi-cluster.com~1queue").empty();
  const std::string phase = text_at(pod, "/status/phase");
  const bool ended = phase == "Succeeded" || phase == "Failed";
  if (plain && ended && !text_at(pod, "/spec/nodeName").empty())
    pods_[text_at(pod, "/metadata/uid")] =
        text_at(pod, "/metadata/annotations/fermi-cluster.com~1cost");
}

Accounts::Ledger Accounts::read_ledger() {
  Ledger out;
  const auto list = server_.call("truth", "GET", "/api/v1/namespaces/fermi-system/configmaps");
  for (const Json& map : list.body.value("items", Json::array())) {
    std::istringstream lines(text_at(map, "/data/records"));
    for (std::string line; std::getline(lines, line);) {
      const Json record = Json::parse(line, nullptr, false);
      if (!record.is_array() || record.size() != 2) continue;
      const std::string key = record[0];
      if (key.starts_with("cost/"))
        for (const auto& [day, pools] : record[1].items())
          for (const auto& [pool, amount] : pools.items())
            out.costs[key.substr(5) + "/" + day + "/" + pool] += micros(amount);
      if (key.starts_with("runs/"))
        for (const Json& run : record[1].value("runs", Json::array()))
          ++out.runs[run.at(1).get<std::int64_t>()];  // ended, ran, ...
    }
  }
  return out;
}

std::int64_t Accounts::spent() const {
  std::int64_t sum = 0;
  for (const auto& [uid, job] : jobs_) sum += job.told;
  for (const auto& [uid, cost] : pods_) sum += micros(cost);
  return sum;
}

std::string Accounts::check() {
  const Ledger ledger = read_ledger();
  Cells costs;
  std::map<std::int64_t, int> runs;
  std::int64_t plain = 0;  // what is not told by day and pool: looked at as one sum
  for (const auto& [uid, job] : jobs_) {
    std::int64_t sum = 0;
    for (const auto& [cell, amount] : job.costs) {
      costs[cell] += amount;
      sum += amount;
    }
    if (sum != job.told)
      return job.name + " says it spent " + in_words(job.told) + ", and its parts " + in_words(sum);
    if (job.ran_s >= 0) ++runs[job.ran_s];
  }
  for (const auto& [uid, cost] : pods_) {
    if (cost.empty()) return "Pod " + uid + " has ended and is not told its cost";
    plain += micros(cost);
  }
  for (const auto& [cell, amount] : ledger.costs) costs[cell] -= amount;
  for (const auto& [cell, missing] : costs) {
    if (cell.starts_with(kPlain))
      plain += missing;
    else if (missing != 0)
      return "the ledger lacks " + in_words(missing) + " of " + cell;
  }
  if (plain != 0) return "the ledger lacks " + in_words(plain) + " of " + kPlain;
  if (runs == ledger.runs) return "";
  for (const auto& [seconds, count] : ledger.runs) runs[seconds] -= count;
  for (const auto& [seconds, count] : runs)
    if (count != 0)
      return "the ledger lacks " + std::to_string(count) + " runs of " + std::to_string(seconds) +
             " s";
  return "";
}

}  // namespace fermi::sim
