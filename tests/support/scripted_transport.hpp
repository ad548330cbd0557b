// ScriptedTransport: an http::Transport that answers from a script, for unit tests.
//
// Picture: each `start` is written down in `log`. The oldest unused rule whose pattern occurs in
// "METHOD target" answers it; a request that no rule matches stays open, and the test drives it by
// hand (`head`, `data`, `end`), as a watch is driven.
//
//   ScriptedTransport server(loop);
//   server.on("GET /api/v1/pods?", reply(200, R"({"items":[]})"));  // once
//   server.always("watch=", hold(200));                             // stream stays open
//   ...
//   loop.run_due();
//   server.data(server.last().id, "{\"type\":...}\n");
//
// All callbacks go out through the loop, never from inside `start`. A cancelled exchange hears
// nothing more. Threads: the loop's.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "libk8s/http/message.hpp"

namespace k8s::testing {

// What a rule does with a request.
struct Answer {
  int status = 200;  // 0: no head
  http::Headers headers;
  std::vector<std::string> chunks;  // one on_data each
  bool ends = true;                 // false: the stream stays open for the test to drive
  Status end;                       // how it ends
  Duration delay{0};                // before the head
};

Answer reply(int status, std::string body, http::Headers headers = {});
// A stream that is opened, says `chunks` and stays open.
Answer hold(int status, std::vector<std::string> chunks = {});
// No answer: the exchange ends with `status`.
Answer fail(Status status);
// A Kubernetes Status object as the answer: `refuse(409, "Conflict", "...")`.
Answer refuse(int http_status, std::string_view reason, std::string_view message);

class ScriptedTransport final : public http::Transport {
 public:
  struct Exchange {
    http::ExchangeId id = http::ExchangeId::kNone;
    http::Request request;
    bool open = true;  // on_end was not sent and it was not cancelled
    bool cancelled = false;
    std::string line() const { return request.method + " " + request.target; }
  };

  explicit ScriptedTransport(Loop& loop) : loop_(loop) {}

  // Answers the next request whose "METHOD target" contains `pattern`, once.
  void on(std::string pattern, Answer answer);
  // Answers every such request that no `on` rule takes; later ones go first.
  void always(std::string pattern, Answer answer);
  // The same, computed from the request.
  void always(std::string pattern, std::function<Answer(const http::Request&)> make);

  http::ExchangeId start(http::Request request, http::Handler handler) override;
  void cancel(http::ExchangeId exchange) override;

  // Drives an open exchange by hand; takes effect at the loop's next turn.
  void head(http::ExchangeId id, int status, http::Headers headers = {});
  void data(http::ExchangeId id, std::string bytes);
  void end(http::ExchangeId id, Status status = {});

  const std::vector<Exchange>& log() const { return log_; }
  const Exchange& last() const { return log_.back(); }
  // The newest exchange whose line contains `pattern`, or null.
  const Exchange* find(std::string_view pattern) const;
  std::size_t count(std::string_view pattern) const;
  // Rules made with `on` that were not used.
  std::size_t unused() const { return once_.size(); }

 private:
  struct Rule {
    std::string pattern;
    std::function<Answer(const http::Request&)> make;
  };

  Exchange* exchange(http::ExchangeId id);
  void play(http::ExchangeId id, const Answer& answer);
  // Runs `fn` with the handler at a later turn, if the exchange is still open then.
  void later(http::ExchangeId id, Duration delay, std::function<void(http::Handler&)> fn);

  Loop& loop_;
  std::deque<Rule> once_;
  std::vector<Rule> always_;
  std::vector<Exchange> log_;
  std::map<http::ExchangeId, http::Handler> handlers_;
};

}  // namespace k8s::testing
