// Turns: who is next in the total order, of all that may start now.
//
// Every queue with something to look at offers its first candidate; the best of them by (tier,
// within its queue's guarantee, queue's weighted share, the queue's lead) is next. What happens to
// it (it starts, it is blocked) decides what its queue offers after it. Reads the state, and sees
// what the pass has booked and charged meanwhile; lives no longer than the pass.
//
// A queue offers the first of each active bucket, those for which room is kept, and those known not
// to fit, or to be kept out by its maximum, that may hold a reservation. One whose passing is
// strict offers its buckets in order, up to the first that is known not to fit.
//
// Candidates of one queue stand in lines: one line, or one for each (tier, tenant) where the queue
// orders by tenant. Lines are compared by their tenants' shares as they are at that moment. Shares
// only grow within a pass, so a line is moved back when it comes to the front with a share that is
// no longer true. So it is with queues: what others do never makes a queue come sooner.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "scheduler/state/state.hpp"

namespace sched {

class Turns {
 public:
  struct Offer {
    QueueId queue = kNoId;
    Place place;
    BucketId bucket = kNoId;
    bool known = false;  // not to fit: one of the few of those that its queue may offer
  };

  explicit Turns(State& state);

  // The next in the total order; nothing when nobody offers any more.
  std::optional<Offer> next();
  // Whether others of its bucket stand before it: it is offered since room is kept for it.
  bool out_of_line(const Offer& offer) const;
  // The task of this offer started, or is to be passed over: its bucket offers the next of its
  // tasks that `wanted` (null: any) accepts.
  void go_on(const Offer& offer, const std::function<bool(TaskId)>& wanted = nullptr);
  // Candidates of a queue that does not order by tenant, each with the step at which it comes: the
  // queue offers these from now on, and nothing else.
  struct Candidate {
    std::int64_t step = 0;  // smaller first, then by place
    Place place;
    BucketId bucket = kNoId;
  };
  void arrange(QueueId queue, std::vector<Candidate> candidates);
  // The task of this offer has no claim to room, so that it is none of the blocked: if it was known
  // not to fit, the next of those takes its turn.
  void replace(const Offer& offer);
  // This queue offers nothing more.
  void close(QueueId queue);

 private:
  struct Line {  // candidates of one (tier, tenant), or of the whole queue; best first
    TenantId tenant = kNoId;
    std::vector<Candidate> heap;
    std::uint64_t listed = 0;  // its entry in `order` is the one of this number; 0: none
  };
  struct Entry {  // where a line stood when it was last looked at
    TenantTurn turn;
    std::size_t line = 0;
    TaskId first = kNoId;
    std::uint64_t version = 0, number = 0;
  };
  // What queues are compared by: the tier of its first candidate; whether it has all that it is
  // guaranteed; its share, by version; the queue's lead.
  struct Standing {
    int tier = 0;
    bool beyond = false;
    std::uint64_t version = 0;
    Fraction share;
    Place lead;
    bool same(const Standing& o) const {
      return tier == o.tier && beyond == o.beyond && version == o.version;
    }
  };
  struct Ranked {  // where a queue stood when it was last looked at
    Standing standing;
    std::size_t turn = 0;
    std::uint64_t number = 0;
  };
  struct Turn {  // what one queue offers
    QueueId queue = kNoId;
    Rounds rounds;
    std::uint64_t ranked = 0;  // its entry in `ranking_` is the one of this number
    std::vector<Line> lines;
    std::map<std::pair<int, TenantId>, std::size_t> line_of;
    std::vector<Entry> order;  // a heap; entries that a newer one replaced are still in it
    std::uint64_t entries = 0;
    std::int64_t blocked = 0;  // how many that are known not to fit may still be offered
    std::map<TenantId, Place> last_blocked;  // offered so far, by tenant
    Place leads[3];  // of the tiers, see `lead`; looked up when first needed
    Fraction share;  // the queue's, as of this version of it
    std::uint64_t version = ~std::uint64_t{0};
  };
  void offer_held(Turn& turn);
  void offer_known(Turn& turn);
  void offer_blocked(Turn& turn, TenantId tenant, std::int64_t count, std::int64_t kept_out = 0);
  void offer_strictly(Turn& turn);
  void offer_all(Turn& turn);
  // The line that is first, its place in the order true; null when nothing is left.
  Line* first_line(Turn& turn);
  bool stale(const Turn& turn, const Entry& entry) const;
  void unlist(Turn& turn) const;
  bool was_active(QueueId queue, BucketId bucket) const {
    return std::binary_search(active_.begin(), active_.end(), std::pair{queue, bucket});
  }
  bool worthless(const Turn& turn, const Line& line) const;
  void list(Turn& turn, std::size_t line) const;
  Turn& of(QueueId queue) { return turns_[index_[queue]]; }
  Turn* best();
  void rank(std::size_t turn);
  Standing standing(Turn& turn, const Line& first);
  bool better(const Standing& a, const Standing& b) const;
  const Fraction& share_of(Turn& turn) const;
  const Place& lead_of(Turn& turn, int tier);
  void push(Turn& turn, Place place, BucketId bucket) const;
  Candidate pop(Line& line) const;
  auto last_first() const {
    return [this](const Candidate& a, const Candidate& b) {
      return a.step != b.step ? b.step < a.step : state_.less(b.place, a.place);
    };
  }

  State& state_;
  // Buckets that were active at the begin, by queue: each is offered, whatever becomes of it.
  std::vector<std::pair<QueueId, BucketId>> active_;
  std::vector<Turn> turns_;
  std::vector<std::size_t> index_;  // by queue
  std::vector<Ranked> ranking_;     // a heap; entries that a newer one replaced are still in it
  std::uint64_t rankings_ = 0;
};

// Whether the head of a bucket could start in an empty cluster within its queue's maximum. What
// never can blocks nobody.
bool can_ever_start(State& state, BucketId bucket);

// The task by whose submit time a queue stands among queues of equal share: its first of the tier
// that is ready and could ever start, else its first of the tier. It does not depend on what was
// found not to fit, so that a plan is the same however much of it is known already.
Place lead(State& state, QueueId queue, int tier);

// Where a tenant stands whose first task this is.
TenantTurn turn_of(const State& state, const QueueRecord& queue, const Rounds& rounds,
                   const Tenant& tenant, const Place& first);

// The first ready task in the queue's order that could ever start and that `skip` does not name;
// kNoId when there is none. Costs one look at each tenant where the queue orders by tenant.
TaskId first_ready(State& state, QueueId queue, const std::set<TaskId>& skip);

// Whether queue a comes before queue b of one tier when their shares are equal.
bool leads(const State& state, const Place& a, const Place& b);

}  // namespace sched
