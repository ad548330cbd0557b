#include "tests/scenario/runner.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "scheduler/preempt/guarantee.hpp"
#include "scheduler/reason.hpp"

namespace sched::scenario {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";

Tier tier(const std::string& word) {
  if (word == "High") return Tier::kHigh;
  if (word == "Medium") return Tier::kMedium;
  if (word == "Low") return Tier::kLow;
  throw BadLine("no such tier: " + word);
}

Strategy strategy(const std::string& word) {
  const char* const names[] = {"FIFO",        "DRF",         "Backfill",        "PriorityBased",
                               "FairSharing", "TimeSlicing", "ResourcePooling", "LoadBalancing",
                               "Hybrid"};
  for (int i = 0; i < 9; ++i) {
    if (word == names[i]) return static_cast<Strategy>(i);
  }
  throw BadLine("no such strategy: " + word);
}

// Names as in the queue's own fields.
Order order(const std::string& word) {
  const char* const names[] = {"SubmitTime",   "TenantShare", "Priority",
                               "DecayedShare", "RoundRobin",  "TenantPriority"};
  for (int i = 0; i < 6; ++i) {
    if (word == names[i]) return static_cast<Order>(i);
  }
  throw BadLine("no such order: " + word);
}

Passing passing(const std::string& word) {
  const char* const names[] = {"Strict", "EASY", "Conservative", "Free"};
  for (int i = 0; i < 4; ++i) {
    if (word == names[i]) return static_cast<Passing>(i);
  }
  throw BadLine("no such passing: " + word);
}

ZonePolicy policy(const std::string& word) {
  if (word == "Single") return ZonePolicy::kSingle;
  if (word == "SameRegion") return ZonePolicy::kSameRegion;
  if (word == "Spread") return ZonePolicy::kSpread;
  throw BadLine("no such zone policy: " + word);
}

// GPUs are a whole number, or a part of one: "8", "0.46".
void ask_for(PodGroup& group, const std::string& gpus) {
  const std::int64_t milli = thousandths(gpus);
  group.shared_resource = milli > 0 && milli < 1000 ? kGpu : "";
  group.shared_milli = milli < 1000 ? milli : 0;
  group.requests.set_extended(kGpu, milli < 1000 ? 0 : integer(gpus));
}

PodGroup request(Words& words, const std::string& gpus) {
  PodGroup group;
  Resources& r = group.requests;
  r.cpu_milli = milli_cores(option(words, "cpu", "1"));
  r.memory_bytes = bytes(option(words, "mem", "1Gi"));
  r.pods = 1;
  ask_for(group, gpus);
  return group;
}

// "2x8" of zones=a:2x8
std::pair<std::int64_t, std::string> count_and_gpus(const std::string& text) {
  const auto parts = split(text, 'x');
  if (parts.size() != 2) throw BadLine("not NODESxGPUS: " + text);
  return {integer(parts[0]), parts[1]};
}

}  // namespace

Runner::Runner() {
  for (const auto& [name, tier] :
       {std::pair{"high", Tier::kHigh}, {"med", Tier::kMedium}, {"low", Tier::kLow}}) {
    queues_[name].name = name;
    queues_[name].tier = tier;
    apply(QueueUpsert{queues_[name]});
  }
}

std::vector<std::string> Runner::run(const std::string& text) {
  std::istringstream lines(text);
  std::string raw;
  while (std::getline(lines, raw)) {
    ++line_;
    try {
      const Words words = split_words(raw);
      if (!words.empty()) line(words);
    } catch (const BadLine& bad) {
      fail(bad.what());
    }
  }
  settle();
  return failures_;
}

void Runner::fail(const std::string& what) {
  failures_.push_back("line " + std::to_string(line_) + ": " + what);
}

void Runner::line(const Words& words) {
  Words rest = words;
  std::string verb = take(rest);
  if (verb == "at") {
    const Time to{duration_ns(take(rest))};
    if (to < now_) throw BadLine("time goes back");
    if (now_ < to) advance(to);
    verb = take(rest);
  }
  if (verb == "nodes") return nodes(rest);
  if (verb == "queue") return queue(rest);
  if (verb == "submit") return submit(rest);
  if (verb == "reject") return reject(rest);
  if (verb == "foreign") return foreign(rest);
  if (verb == "expect") return expect(rest);
  if (verb == "resolve") return resolve(rest);
  if (verb == "latency") {
    const std::string a = take(rest), b = take(rest);
    config_.latency_us[{a, b}] = duration_ns(take(rest)) / 1000;
    return apply(config_);
  }
  if (verb == "price") {
    const std::string place = take(rest);
    const bool pool = place == "pool";
    Price& price = pool ? config_.pool_price[take(rest)] : config_.zone_price[place];
    price.gpu_default = millionths(take(rest));
    return apply(config_);
  }
  if (verb == "topology") return topology(rest);
  if (verb == "delete" && take(rest) == "queue") return apply(QueueRemove{take(rest)});
  const std::string name = take(rest);
  if (verb == "shrink") return shrink(name, integer(option(rest, "gpus")));
  no_more(rest);
  for (const char* known :
       {"cordon", "uncordon", "lose", "find", "share", "unshare", "remove", "clear"}) {
    if (verb == known) return change_node(verb, name);
  }
  change_task(verb, name);
}

// --- time

void Runner::apply(const Delta& delta) {
  engine_.apply(delta);
  auditor_.apply(delta);
  dirty_ = true;
}

// Stops at every moment in between at which a task ends or a back-off is over.
void Runner::advance(Time to) {
  settle();
  while (true) {
    Time next = to;
    if (!ends_.empty()) next.ns = std::min(next.ns, ends_.begin()->first);
    if (!leaves_.empty()) next.ns = std::min(next.ns, leaves_.begin()->first);
    if (!returns_.empty()) next.ns = std::min(next.ns, returns_.begin()->first);
    if (const auto retry = engine_.next_time(now_)) next.ns = std::min(next.ns, retry->ns);
    now_ = next;
    while (!ends_.empty() && ends_.begin()->first <= now_.ns) finish(ends_.begin()->second);
    while (!leaves_.empty() && leaves_.begin()->first <= now_.ns) leave(leaves_.begin()->second);
    while (!returns_.empty() && returns_.begin()->first <= now_.ns) {
      return_resized(returns_.begin()->second);
    }
    dirty_ = true;
    if (now_ == to) return;
    settle();
  }
}

void Runner::settle() {
  while (dirty_) {
    dirty_ = false;
    const Plan plan = engine_.plan(now_);
    for (const std::string& violation : auditor_.check(plan, now_)) fail("audit: " + violation);
    for (const Start& s : plan.starts) start(s);
    for (const Preemption& p : plan.preemptions) preempt(p);
    for (const Move& m : plan.moves) move(m);
    for (const Resize& grow : plan.grows) resize(grow);
  }
  book_.update(engine_.conflicts(now_), now_);
  for (const std::string& violation : auditor_.check(engine_.forecast(now_), now_)) {
    fail("audit of the forecast: " + violation);
  }
  for (Moves::Move& move : moves_.look(engine_, now_)) moved_.push_back(std::move(move));
}

// As the operator does it: who has to stop for whom, what is kept, and then each stops.
void Runner::preempt(const Preemption& p) {
  constexpr std::int64_t kHold = 600'000'000'000;
  for (const std::string& victim : p.victims) apply(Evict{victim, p.task, now_});
  apply(Hold{p.task, p.placement, later(now_, kHold)});
  for (const Resize& shrink : p.shrinks) resize(shrink);
  for (const std::string& victim : p.victims) {
    const bool peer = tasks_.at(victim).queue == tasks_.at(p.task).queue;
    const bool turn = p.kind == PreemptionKind::kRotation && peer;
    preempted_[victim] =
        p.kind == PreemptionKind::kRotation && !peer ? PreemptionKind::kTier : p.kind;
    Task& task = tasks_.at(victim);
    ++task.preemptions;
    task.last_preempted = now_;
    if (turn) task.submitted = later(now_, 1);  // behind those who wait now
    leaves_.emplace(now_.ns + grace_ns_[victim], victim);
  }
  while (!leaves_.empty() && leaves_.begin()->first <= now_.ns) leave(leaves_.begin()->second);
}

// As the owner of a service does it: a task of another name starts, and when it runs the old one is
// ended; or the old one stops first.
void Runner::move(const Move& m) {
  if (!m.surge) {
    forget_pods(m.task);
    return apply(Reject{m.task, "moves back to " + m.zone, {}, now_});
  }
  Task task = tasks_.at(m.task);
  task.replaces = m.task;
  task.uid = task.name = m.task + "+";
  task.submitted = now_;
  task.attempt = 0;
  task.guarantee_until = {};
  tasks_[task.uid] = task;
  runs_ns_[task.uid] = runs_ns_[m.task];
  grace_ns_[task.uid] = grace_ns_[m.task];
  apply(TaskUpsert{task});
}

// The name may be part of what is forgotten here.
void Runner::leave(const std::string& name) {
  const std::string task = name;
  forget_pods(task);
  tasks_.at(task).guarantee_until = {};
  apply(Reject{task, "preempted", {}, now_});
  apply(TaskUpsert{tasks_.at(task)});
}

void Runner::start(const Start& s) {
  apply(Assume{s.task, s.attempt, s.placement, now_});
  Task& task = tasks_.at(s.task);
  make_pods(s.task, s.attempt, s.placement);
  const Tier tier = std::max(task.tier, queues_.at(task.queue).tier);
  if (tier == Tier::kMedium && task.expected_duration_ns > 0) {
    task.guarantee_until = later(now_, guarantee_ns(task.expected_duration_ns, task.preemptions,
                                                    queues_.at(task.queue).floor_ns));
    apply(TaskUpsert{task});
  }
  apply(Confirm{s.task, now_});
  placed_[s.task] = s.placement;
  started_.push_back(s.task);
  if (engine_.state(task.replaces) == TaskState::kRunning) finish(task.replaces);
  if (runs_ns_[s.task] > 0) ends_.emplace(now_.ns + runs_ns_[s.task], s.task);
}

// An elastic gang has one group.
void Runner::make_pods(const std::string& name, std::int64_t attempt, const Placement& placement) {
  std::vector<const PodGroup*> groups;
  for (const PodGroup& group : tasks_.at(name).groups) {
    groups.insert(groups.end(), static_cast<std::size_t>(group.count), &group);
  }
  groups.resize(placement.nodes.size(), groups.front());
  for (std::size_t rank = 0; rank < groups.size(); ++rank) {
    const PodGroup& group = *groups[rank];
    const std::string uid = name + "-" + std::to_string(attempt) + "-" + std::to_string(rank);
    const bool shares = rank < placement.devices.size();
    apply(PodUpsert{uid, placement.nodes[rank], group.requests, name, attempt,
                    static_cast<std::int64_t>(rank), group.shared_resource, group.shared_milli,
                    shares ? placement.devices[rank] : -1});
    pods_[name].insert(uid);
  }
}

// Another size: the decision is written down first, and the gang starts anew when its Pods have
// stopped.
void Runner::resize(const Resize& resize) {
  Task& task = tasks_.at(resize.task);
  task.attempt = resize.attempt + 1;
  apply(Assume{resize.task, task.attempt, resize.placement, now_});
  apply(TaskUpsert{task});
  placed_[resize.task] = resize.placement;
  ++resized_[resize.task];
  const std::int64_t until = now_.ns + grace_ns_[resize.task];
  returns_.emplace(until, resize.task);
  if (until == now_.ns) return_resized(resize.task);
}

// The name may be part of what is forgotten here.
void Runner::return_resized(std::string name) {
  std::erase_if(returns_, [&](const auto& end) { return end.second == name; });
  for (const std::string& uid : std::exchange(pods_[name], {})) apply(PodRemove{uid});
  make_pods(name, tasks_.at(name).attempt, placed_[name]);
  apply(Confirm{name, now_});
}

// The name may be part of what is forgotten here.
void Runner::forget_pods(std::string task) {
  for (const std::string& uid : pods_[task]) apply(PodRemove{uid});
  pods_.erase(task);
  placed_.erase(task);
  std::erase_if(returns_, [&](const auto& end) { return end.second == task; });
  std::erase_if(ends_, [&](const auto& end) { return end.second == task; });
  std::erase_if(leaves_, [&](const auto& end) { return end.second == task; });
}

// As the books tell it: how long it lasted, before it is forgotten.
void Runner::remember(const std::string& task) {
  const Task& known = tasks_.at(task);
  std::int64_t pods = 0, gpus = 0;
  for (const PodGroup& group : known.groups) {
    pods += group.count;
    gpus += group.count * group.requests.extended_amount(kGpu);
  }
  for (const Engine::Placed& placed : engine_.placed(now_)) {
    if (placed.task != task || !placed.running) continue;
    const PastRuns::Run run{now_, now_.ns - placed.since.ns, known.expected_duration_ns,
                            gpus > 0 ? gpus : pods};
    const std::string shape = std::to_string(pods) + "x" + std::to_string(gpus);
    apply(PastRuns{known.queue, known.kind, known.tenant, shape, {run}, {}});
  }
}

void Runner::finish(const std::string& task) {
  remember(task);
  apply(TaskEnd{task, now_});
  forget_pods(task);
}

// --- what happens

void Runner::nodes(Words words) {
  Node node;
  node.zone = take(words);
  node.region = option(words, "region", "r1");
  node.pool = option(words, "pool");
  for (const auto& [key, value] : options(words, "label")) node.labels[key] = value;
  if (const std::string taint = option(words, "taint"); !taint.empty()) {
    const auto effect = split(taint, ':');
    const auto pair = split(effect.at(0), '=');
    node.taints.push_back({pair.at(0), pair.size() > 1 ? pair[1] : "", effect.back()});
  }
  node.gpu_sharing = flag(words, "sharing");
  const auto others = options(words, "res");
  const std::string group = take(words);
  no_more(words);
  const std::size_t bracket = group.find("x(");
  if (bracket == std::string::npos || group.back() != ')') throw BadLine("not Nx(...): " + group);
  std::int64_t gpus = 0;
  node.allocatable.pods = 110;
  for (const std::string& part :
       split(group.substr(bracket + 2, group.size() - bracket - 3), ' ')) {
    if (part.ends_with("cpu")) {
      node.allocatable.cpu_milli = milli_cores(part);
    } else if (part.ends_with("i")) {
      node.allocatable.memory_bytes = bytes(part);
    } else if (part.find_first_not_of("0123456789") == std::string::npos) {
      gpus = integer(part);
    } else {
      node.gpu_model = part;
    }
  }
  node.allocatable.set_extended(kGpu, gpus);
  for (const auto& [resource, amount] : others) {
    node.allocatable.set_extended(resource, integer(amount));
  }
  for (std::int64_t i = integer(group.substr(0, bracket)); i > 0; --i) {
    node.name = node.zone + "-" + std::to_string(++count_in_zone_[node.zone]);
    node.labels["kubernetes.io/hostname"] = node.name;
    nodes_[node.name] = node;
    apply(NodeUpsert{node});
  }
}

// Level by level, from wide to narrow: block=example.com/block.
void Runner::topology(Words words) {
  config_.topology.clear();
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) throw BadLine("not LEVEL=LABEL: " + word);
    config_.topology.push_back({word.substr(0, equals), word.substr(equals + 1)});
  }
  apply(config_);
}

void Runner::queue(Words words) {
  const std::string name = take(words);
  Queue& q = queues_[name];
  q.name = name;
  if (const std::string word = option(words, "tier"); !word.empty()) q.tier = tier(word);
  if (const std::string word = option(words, "strategy"); !word.empty()) {
    q.strategy = strategy(word);
  }
  q.weight = integer(option(words, "weight", std::to_string(q.weight)));
  q.max_running = integer(option(words, "maxRunning", std::to_string(q.max_running)));
  for (const auto& [what, amount] : options(words, "max")) {
    q.has_maximum = true;
    if (what == "gpus") q.maximum.set_extended(kGpu, integer(amount));
    if (what == "cpu") q.maximum.cpu_milli = milli_cores(amount);
    if (what == "mem") q.maximum.memory_bytes = bytes(amount);
  }
  for (const auto& [what, amount] : options(words, "guaranteed")) {
    q.has_guaranteed = true;
    if (what == "gpus") q.guaranteed.set_extended(kGpu, integer(amount));
    if (what == "cpu") q.guaranteed.cpu_milli = milli_cores(amount);
    if (what == "mem") q.guaranteed.memory_bytes = bytes(amount);
  }
  switches(q, words);
  limits(q, words);
  if (const std::string list = option(words, "zones"); !list.empty()) q.zones = split(list, ',');
  if (const std::string list = option(words, "pools"); !list.empty()) q.pools = split(list, ',');
  if (const std::string list = option(words, "models"); !list.empty()) {
    q.gpu_models = split(list, ',');
  }
  if (flag(words, "closed")) q.closed = true;
  if (flag(words, "open")) q.closed = false;
  no_more(words);
  apply(QueueUpsert{q});
}

// The switches that a strategy is a preset of, each by itself.
void Runner::switches(Queue& q, Words& words) {
  if (const std::string word = option(words, "order"); !word.empty()) q.order = order(word);
  if (const std::string word = option(words, "passing"); !word.empty()) q.passing = passing(word);
  if (const std::string word = option(words, "pooling"); !word.empty()) q.pooling = word == "yes";
  if (const std::string word = option(words, "spread"); !word.empty()) q.spread = word == "yes";
  if (const std::string word = option(words, "learned"); !word.empty()) q.learned = word == "yes";
  q.depth = integer(option(words, "depth", std::to_string(q.depth)));
  if (const std::string word = option(words, "reserveAfter"); !word.empty()) {
    q.reserve_after_ns = duration_ns(word);
  }
  if (const std::string word = option(words, "halfLife"); !word.empty()) {
    q.half_life_ns = duration_ns(word);
  }
  if (const std::string word = option(words, "slices"); !word.empty()) q.slices = word == "yes";
  if (const std::string word = option(words, "floor"); !word.empty()) {
    q.floor_ns = q.cooldown_ns = duration_ns(word);
  }
  if (const std::string word = option(words, "quantum"); !word.empty()) {
    q.quantum_ns = duration_ns(word);
  }
  for (const auto& [tenant, weight] : options(words, "tenantWeight")) {
    q.tenant_weights[tenant] = integer(weight);
  }
}

// "zone:a,model:A100,gpus:8", one for each flavor; and what each tenant may have.
void Runner::limits(Queue& q, Words& words) {
  std::vector<Quota> quotas;
  for (std::string word; !(word = option(words, "flavor")).empty();) {
    Quota quota;
    for (const std::string& part : split(word, ',')) {
      const auto pair = split(part, ':');
      if (pair.size() != 2) throw BadLine("not NAME:VALUE: " + part);
      if (pair[0] == "zone") quota.zone = pair[1];
      if (pair[0] == "pool") quota.pool = pair[1];
      if (pair[0] == "model") quota.gpu_model = pair[1];
      const bool keeps = pair[0].rfind("guaranteed.", 0) == 0;
      const std::string what = keeps ? pair[0].substr(11) : pair[0];
      Resources& amounts = keeps ? quota.guaranteed : quota.maximum;
      if (what != "gpus" && what != "cpu") continue;
      (keeps ? quota.has_guaranteed : quota.has_maximum) = true;
      if (what == "gpus") amounts.set_extended(kGpu, integer(pair[1]));
      if (what == "cpu") amounts.cpu_milli = milli_cores(pair[1]);
    }
    quotas.push_back(quota);
  }
  if (!quotas.empty()) q.quotas = quotas;
  TenantLimits& tenant = q.tenant_limits;
  tenant.running = integer(option(words, "tenantRunning", std::to_string(tenant.running)));
  tenant.pending = integer(option(words, "tenantPending", std::to_string(tenant.pending)));
  for (const auto& [what, amount] : options(words, "tenantMax")) {
    tenant.has_resources = true;
    if (what == "gpus") tenant.resources.set_extended(kGpu, integer(amount));
    if (what == "cpu") tenant.resources.cpu_milli = milli_cores(amount);
  }
}

void Runner::submit(Words words) {
  const auto path = split(take(words), '/');
  if (path.size() != 2) throw BadLine("not QUEUE/TASK");
  Task t;
  t.queue = path[0];
  t.uid = t.name = path[1];
  t.ns = option(words, "ns", "team");
  t.tenant = option(words, "tenant", t.ns);
  t.tier = tier(option(words, "tier", "High"));
  t.submitted = now_;
  t.priority_value = static_cast<std::int32_t>(integer(option(words, "priority", "0")));
  t.expected_duration_ns = duration_ns(option(words, "expected", "0s"));
  t.checkpoint_every_ns = duration_ns(option(words, "checkpoint", "0s"));
  runs_ns_[t.uid] = duration_ns(option(words, "runs", "0s"));
  grace_ns_[t.uid] = duration_ns(option(words, "grace", "0s"));
  t.service = flag(words, "service");
  const std::string zones = option(words, "zones");
  const std::int64_t count = integer(option(words, "nodes", "1"));
  const std::string gpus = option(words, "gpus", "0");
  PodGroup each = request(words, gpus);
  for (const auto& [resource, amount] : options(words, "res")) {
    each.requests.set_extended(resource, integer(amount));
  }
  for (const std::string& part : split(zones, ',')) {
    const auto zone = split(part, ':');
    if (zone.size() != 2) throw BadLine("not ZONE:NODESxGPUS: " + part);
    const auto [in_zone, with] = count_and_gpus(zone[1]);
    PodGroup group = each;
    group.zone = zone[0];
    group.count = in_zone;
    ask_for(group, with);
    t.groups.push_back(group);
    t.zone_policy = ZonePolicy::kExact;
  }
  if (zones.empty()) {
    t.groups.push_back(each);
    t.groups.back().count = count;
    t.groups.back().most = integer(option(words, "most", "0"));
  }
  if (const std::string word = option(words, "policy"); !word.empty()) t.zone_policy = policy(word);
  t.max_zones = integer(option(words, "maxZones", "0"));
  t.min_per_zone = integer(option(words, "minPerZone", "0"));
  t.max_skew = integer(option(words, "maxSkew", "0"));
  t.max_latency_us = duration_ns(option(words, "maxLatency", "0s")) / 1000;
  if (const std::string word = option(words, "topology"); !word.empty()) {
    const auto parts = split(word, ':');
    t.topology_level = parts[0];
    if (parts.size() != 2 || (parts[1] != "Required" && parts[1] != "Preferred")) {
      throw BadLine("not LEVEL:Required or LEVEL:Preferred: " + word);
    }
    t.topology_required = parts[1] == "Required";
  }
  group_of(t, words);
  t.pool = option(words, "pool");
  t.gpu_model = option(words, "model");
  for (const auto& [key, value] : options(words, "selector")) t.node_selector[key] = value;
  if (const std::string key = option(words, "tolerate"); !key.empty()) {
    t.tolerations.push_back({key, "Exists", "", ""});
  }
  t.excluded_nodes = split(option(words, "exclude"), ',');
  t.allowed_zones = split(option(words, "volumes"), ',');
  t.held = flag(words, "hold");
  if (t.held) t.held_why = "suspended";
  no_more(words);
  tasks_[t.uid] = t;
  apply(TaskUpsert{t});
}

// group=G groupZones=zone-a:primary:2,zone-b:backup groupSkew=1
void Runner::group_of(Task& task, Words& words) {
  task.group_uid = option(words, "group");
  task.group_skew = integer(option(words, "groupSkew", "0"));
  for (const std::string& part : split(option(words, "groupZones"), ',')) {
    const auto zone = split(part, ':');
    if (zone.size() < 2 || (zone[1] != "primary" && zone[1] != "backup")) {
      throw BadLine("not ZONE:primary or ZONE:backup: " + part);
    }
    task.group_zones.push_back(
        {zone[0], zone[1] == "backup", zone.size() > 2 ? integer(zone[2]) : 0});
  }
}

void Runner::reject(Words words) {
  const std::string name = take(words);
  Reject reject{name, "", now_, now_};
  if (flag(words, "for")) reject.not_before.ns += duration_ns(take(words));
  if (flag(words, "because")) {
    for (const std::string& word : words) reject.why += (reject.why.empty() ? "" : " ") + word;
  }
  forget_pods(name);
  apply(reject);
}

void Runner::foreign(Words words) {
  const std::string node = take(words);
  const PodGroup group = request(words, option(words, "gpus", "0"));
  const std::int64_t device = integer(option(words, "device", "-1"));
  no_more(words);
  const std::string uid = "foreign-" + node + "-" + std::to_string(pods_[node].size());
  pods_[node].insert(uid);
  apply(PodUpsert{uid, node, group.requests, "", 0, 0, group.shared_resource, group.shared_milli,
                  device});
}

void Runner::change_node(const std::string& verb, const std::string& name) {
  if (!nodes_.contains(name)) throw BadLine("no such node: " + name);
  if (verb == "clear") {
    for (const std::string& uid : pods_[name]) apply(PodRemove{uid});
    pods_.erase(name);
    return;
  }
  if (verb == "remove") {
    nodes_.erase(name);
    return apply(NodeRemove{name});
  }
  Node& node = nodes_[name];
  if (verb == "share" || verb == "unshare") node.gpu_sharing = verb == "share";
  if (verb == "cordon" || verb == "uncordon") node.unschedulable = verb == "cordon";
  if (verb == "lose" || verb == "find") node.ready = verb == "find";
  apply(NodeUpsert{node});
}

void Runner::shrink(const std::string& name, std::int64_t gpus) {
  if (!nodes_.contains(name)) throw BadLine("no such node: " + name);
  nodes_[name].allocatable.set_extended(kGpu, gpus);
  apply(NodeUpsert{nodes_[name]});
}

void Runner::change_task(const std::string& verb, const std::string& name) {
  if (!tasks_.contains(name)) throw BadLine("not understood: " + verb + " " + name);
  if (verb == "end") return finish(name);
  if (verb == "withdraw") {
    forget_pods(name);
    return apply(TaskRemove{name, now_});
  }
  if (verb != "hold" && verb != "release") throw BadLine("not understood: " + verb);
  tasks_[name].held = verb == "hold";
  tasks_[name].held_why = verb == "hold" ? "suspended" : "";
  apply(TaskUpsert{tasks_[name]});
}

}  // namespace sched::scenario
