#include "operator/local/follower.hpp"

#include <map>
#include <regex>
#include <set>

#include "libk8s/codec/rfc3339.hpp"
#include "libk8s/request/request.hpp"
#include "libk8s/watch/informer.hpp"
#include "operator/local/job_view.hpp"

namespace fermi {
namespace {

using k8s::Duration;
using k8s::WallTime;

constexpr auto kLogRetry = std::chrono::milliseconds(300);
constexpr auto kLogPatience = std::chrono::seconds(20);  // for logs after the job has ended
constexpr std::size_t kMaxLine = 4000;

// Text from outside may not steer the terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxLine)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) out += c;
    if (c == '\t') out += ' ';
  }
  return out;
}

// "7/20" after the word epoch or step becomes a bar, so that a glance tells how far it is.
std::string progress(const std::string& line) {
  static const std::regex pattern("(?:epoch|step)[ =:]+([0-9]{1,9}) ?/ ?([0-9]{1,9})",
                                  std::regex::icase | std::regex::optimize);
  std::smatch match;
  if (line.size() > 500 || !std::regex_search(line, match, pattern)) return {};
  const long done = std::stol(match[1]), all = std::stol(match[2]);
  if (all <= 0 || done > all) return {};
  const auto filled = static_cast<std::size_t>(done * 20 / all);
  return "[" + std::string(filled, '#') + std::string(20 - filled, '.') + "] " +
         std::to_string(done * 100 / all) + " %  ";
}

std::string seconds_text(Duration d) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(d).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

// "zone-a 2 nodes, zone-b 3 nodes (zone-a-0, ...)"
std::string placement_text(const JobView& job) {
  std::string zones, nodes;
  for (const auto& [zone, count] : job.zones) {
    zones += (zones.empty() ? "" : ", ") + zone + " " + std::to_string(count) +
             (count == 1 ? " node" : " nodes");
  }
  for (std::size_t i = 0; i < job.nodes.size() && i < 16; ++i) {
    nodes += (i == 0 ? "" : ", ") + job.nodes[i];
  }
  if (job.nodes.size() > 16) nodes += ", ...";
  return printable(zones + " (" + nodes + ")");
}

// The log of one Pod, line by line.
struct PodLog {
  std::string ns, pod, partial;
  std::string title;  // what stands before each line
  k8s::http::ExchangeId exchange = k8s::http::ExchangeId::kNone;
  k8s::TimerId retry = k8s::TimerId::kNone;
  int http_status = 0;
  bool done = false;
};

// One job and what was already said about it.
struct Followed {
  std::string key, said, placed, phase;
  bool ended = false;
  int exit_code = 0;
  std::map<std::string, std::unique_ptr<PodLog>> logs;  // by Pod name
  WallTime first_seen, started, running;
  k8s::TimerId patience = k8s::TimerId::kNone;  // for the logs, once it has ended
};

}  // namespace

struct Follower::Impl {
  Impl(k8s::Loop& l, k8s::http::Transport& t, Print p, std::function<void(Outcome)> end)
      : loop(l), transport(t), print(std::move(p)), on_end(std::move(end)), jobs(l, t) {}

  ~Impl() {
    for (auto& [key, job] : followed) give_up_logs(job);
  }

  void say(const Followed& job, const std::string& text) {
    const std::string time = k8s::format_time(loop.wall_now());
    print(time.substr(11, 8) + "  " + job.key + ": " + printable(text));
  }

  void see(const JobView& view) {
    const auto found = followed.find(view.meta.key());
    if (found == followed.end() || found->second.ended) return;
    Followed& job = found->second;
    if (job.first_seen.ns == 0) job.first_seen = loop.wall_now();
    if (view.phase == "Pending") say_waiting(job, view);
    if (!view.nodes.empty()) say_placed(job, view);
    if (view.phase != job.phase) change_phase(job, view);
    if (view.ended()) end_job(job, view);
  }

  void say_waiting(Followed& job, const JobView& view) {
    std::string text = "waits in queue " + view.queue;
    if (view.position > 0) {
      text += ": position " + std::to_string(view.position) + ", " + std::to_string(view.ahead) +
              " ahead";
    }
    if (!view.message.empty()) text += "; " + view.message;
    if (text != job.said) say(job, text);
    job.said = text;
  }

  void say_placed(Followed& job, const JobView& view) {
    const std::string text = std::to_string(view.attempt) + placement_text(view);
    if (text == job.placed) return;
    job.placed = text;
    job.started = loop.wall_now();
    std::string line = "placed: " + placement_text(view);
    if (!view.cost_per_hour.empty()) {
      line += ", " + view.cost_per_hour + " " + view.currency + " per hour";
    }
    say(job, line);
  }

  void change_phase(Followed& job, const JobView& view) {
    job.phase = view.phase;
    if (view.phase == "Running") {
      job.running = loop.wall_now();
      const auto ranks = view.nodes.size();
      say(job, "runs: " + std::to_string(ranks) + (ranks == 1 ? " rank" : " ranks"));
    } else if (!view.ended() && view.phase != "Pending") {
      say(job, view.phase + (view.message.empty() ? "" : ": " + view.message));
    }
    if (view.phase == "Running" || view.ended()) follow_logs(job, view);
  }

  void follow_logs(Followed& job, const JobView& view) {
    for (std::size_t rank = 0; rank < view.nodes.size(); ++rank) {
      const std::string pod =
          view.meta.name + "-" + std::to_string(view.attempt) + "-" + std::to_string(rank);
      auto& log = job.logs[pod];
      if (log) continue;
      log = std::make_unique<PodLog>();
      log->ns = view.meta.ns;
      log->pod = pod;
      log->title = "    rank " + std::to_string(rank) + " on " + view.nodes[rank] + " | ";
      open(*log);
    }
  }

  void open(PodLog& log) {
    k8s::http::Request request;
    request.method = "GET";
    request.target = "/api/v1/namespaces/" + k8s::http::percent_encoded(log.ns) + "/pods/" +
                     k8s::http::percent_encoded(log.pod) + "/log?follow=true";
    request.timeout = std::chrono::milliseconds(0);
    k8s::http::Handler handler;
    handler.on_head = [&log](int status, const k8s::http::Headers&) { log.http_status = status; };
    handler.on_data = [this, &log](std::string_view bytes) { take(log, bytes); };
    handler.on_end = [this, &log](const k8s::Status& status) { log_ended(log, status.is_ok()); };
    log.exchange = transport.start(std::move(request), std::move(handler));
  }

  void take(PodLog& log, std::string_view bytes) {
    if (log.http_status != 200) return;
    log.partial += bytes;
    std::size_t start = 0;
    for (auto end = log.partial.find('\n'); end != std::string::npos;
         end = log.partial.find('\n', start)) {
      print_line(log, log.partial.substr(start, end - start));
      start = end + 1;
    }
    log.partial.erase(0, start);
    if (log.partial.size() > kMaxLine) log.partial.resize(kMaxLine);
  }

  void print_line(const PodLog& log, const std::string& line) {
    print(log.title + progress(line) + printable(line));
  }

  void log_ended(PodLog& log, bool whole) {
    log.exchange = k8s::http::ExchangeId::kNone;
    if (log.http_status == 200 && whole) {
      if (!log.partial.empty()) print_line(log, log.partial);
      log.done = true;
      return finish_if_all_ended();
    }
    // Not started yet, or gone: the Pod's container may still come.
    log.http_status = 0;
    log.retry = loop.after(kLogRetry, [this, &log] { open(log); });
  }

  void stop(PodLog& log) {
    transport.cancel(log.exchange);
    loop.cancel(log.retry);
    log.done = true;
  }

  void end_job(Followed& job, const JobView& view) {
    job.ended = true;
    const bool completed = view.phase == "Completed";
    job.exit_code = completed ? 0 : (view.exit_code != 0 ? static_cast<int>(view.exit_code) : 1);
    const WallTime now = loop.wall_now();
    std::string text = view.phase;
    if (!view.message.empty()) text += ": " + view.message;
    if (job.started.ns != 0 && job.running.ns != 0) {
      text += "; waited " + seconds_text(job.started - job.first_seen) + ", started in " +
              seconds_text(job.running - job.started) + ", ran " + seconds_text(now - job.running);
    }
    if (!view.cost_accumulated.empty()) {
      text += ", cost " + view.cost_accumulated + " " + view.currency;
    }
    outcomes.emplace_back(&job, text);
    job.patience = loop.after(kLogPatience, [this, &job] {
      give_up_logs(job);
      finish_if_all_ended();
    });
    finish_if_all_ended();
  }

  void deleted(const JobView& view) {
    const auto found = followed.find(view.meta.key());
    if (found == followed.end() || found->second.ended) return;
    found->second.ended = true;
    found->second.exit_code = 1;
    outcomes.emplace_back(&found->second, "was deleted before it ended");
    give_up_logs(found->second);
    finish_if_all_ended();
  }

  void give_up_logs(Followed& job) {
    loop.cancel(job.patience);
    for (auto& [name, log] : job.logs) stop(*log);
  }

  void finish_if_all_ended() {
    for (const auto& [key, job] : followed) {
      if (!job.ended) return;
      for (const auto& [name, log] : job.logs) {
        if (!log->done) return;
      }
    }
    if (!on_end) return;
    for (const auto& [job, text] : outcomes) say(*job, text);
    Outcome outcome{true, 0};
    for (const auto& [key, job] : followed) {
      if (job.exit_code == 0) continue;
      outcome.all_completed = false;
      if (outcome.exit_code == 0) outcome.exit_code = job.exit_code;
    }
    const auto call = std::move(on_end);
    on_end = nullptr;
    call(outcome);
  }

  k8s::Loop& loop;
  k8s::http::Transport& transport;
  Print print;
  std::function<void(Outcome)> on_end;
  k8s::Informer<JobView> jobs;
  std::map<std::string, Followed> followed;
  std::vector<std::pair<Followed*, std::string>> outcomes;
};

Follower::Follower(k8s::Loop& loop, k8s::http::Transport& transport, std::vector<std::string> keys,
                   Print print, std::function<void(Outcome)> on_end)
    : impl_(std::make_unique<Impl>(loop, transport, std::move(print), std::move(on_end))) {
  for (auto& key : keys) impl_->followed[key].key = key;
}

Follower::~Follower() = default;

void Follower::start() {
  impl_->jobs.on_event([this](const auto& event) {
    if (event.after) return impl_->see(*event.after);
    impl_->deleted(*event.before);
  });
  impl_->jobs.start();
}

}  // namespace fermi
