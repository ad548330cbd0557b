#include "operator/loop/pod_memory.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "libk8s/request/request.hpp"
#include "operator/api/api.hpp"
#include "operator/api/status_fields.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

// A controller that lost more at once than this loses the oldest pasts.
constexpr std::size_t kPasts = 256;
// Owners that are asked about at once.
constexpr std::size_t kAtOnce = 16;
constexpr k8s::Duration kAfterError = std::chrono::seconds(1);

std::string name_of(const std::string& owner_uid) { return "fermi-preempted-" + owner_uid; }

Json to_object(const PodMemory::Owner& owner, const PodPasts& pasts, const std::string& version) {
  Json data = Json::object();
  for (const auto& [key, past] : pasts) data[key] = encode_past(past).dump();
  Json meta = {{"name", name_of(owner.ref.uid)},
               {"namespace", owner.ns},
               {"labels", {{"app.kubernetes.io/managed-by", "fermi"}}},
               {"ownerReferences", Json::array({{{"apiVersion", owner.ref.api_version},
                                                 {"kind", owner.ref.kind},
                                                 {"name", owner.ref.name},
                                                 {"uid", owner.ref.uid}}})}};
  if (!version.empty()) meta["resourceVersion"] = version;
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", meta}, {"data", data}};
}

void keep_newest(PodPasts& pasts) {
  while (pasts.size() > kPasts)
    pasts.erase(std::min_element(pasts.begin(), pasts.end(), [](const auto& a, const auto& b) {
      return a.second.last_preempted < b.second.last_preempted;
    }));
}

}  // namespace

Json encode_past(const PodPast& past) {
  Json out = {{"submitTime", k8s::format_time(past.submitted)},
              {"preemptions", past.preemptions},
              {"lastPreempted", k8s::format_time(past.last_preempted)},
              {"of", past.of}};
  put_field(out, "turnOver", past.turn_over);
  put_field(out, "heir", past.heir);
  return out;
}

PodPasts decode_pasts(const Json& config_map) {
  PodPasts out;
  for (const auto& [key, text] : k8s::object_at(config_map, "data").items()) {
    if (!text.is_string() || out.size() >= kPasts) continue;
    const auto entry = k8s::parse_json(text.get_ref<const std::string&>());
    if (!entry || !entry->is_object()) continue;
    const auto submitted = time_at(*entry, "submitTime");
    if (!submitted) continue;
    PodPast past;
    past.submitted = *submitted;
    past.last_preempted = time_or_none(*entry, "lastPreempted");
    past.preemptions = std::clamp<std::int64_t>(k8s::int_at(*entry, "preemptions"), 0, 1'000'000);
    past.of = k8s::string_at(*entry, "of");
    past.turn_over = time_or_none(*entry, "turnOver");
    past.heir = k8s::string_at(*entry, "heir");
    out[key] = std::move(past);
  }
  return out;
}

const PodPasts* PodMemory::of(const std::string& owner_uid) const {
  const auto found = known_.find(owner_uid);
  return found != known_.end() && found->second.read ? &found->second.pasts : nullptr;
}

PodMemory::~PodMemory() {
  for (const auto& [uid, known] : known_) writer_.loop().cancel(known.retry);
}

void PodMemory::forget(const std::string& owner_uid) {
  const auto found = known_.find(owner_uid);
  if (found == known_.end() || found->second.busy) return;
  writer_.loop().cancel(found->second.retry);
  known_.erase(found);
}

void PodMemory::learn(const Owner& owner, std::function<void()> done) {
  const auto [at, fresh] = known_.try_emplace(owner.ref.uid);
  if (at->second.read) return done();
  at->second.readers.push_back(std::move(done));
  if (!fresh) return;
  at->second.owner = owner;
  fetch(owner.ref.uid);
}

void PodMemory::fetch(const std::string& uid) {
  to_fetch_.push_back(uid);
  fetch_more();
}

void PodMemory::fetch_more() {
  while (fetching_ < kAtOnce && !to_fetch_.empty()) {
    const std::string uid = std::move(to_fetch_.front());
    to_fetch_.pop_front();
    const auto known = known_.find(uid);
    if (known == known_.end()) continue;
    ++fetching_;
    writer_.send(
        k8s::request::get(k8s::resources::config_maps(), known->second.owner.ns, name_of(uid)),
        [this, uid](const k8s::Result<Json>& answer) {
          --fetching_;
          const auto found = known_.find(uid);
          if (found != known_.end()) fetched(found->second, answer);
          fetch_more();
        });
  }
}

void PodMemory::fetch_later(Known& known) {
  known.retry = writer_.loop().after(kAfterError, [this, uid = known.owner.ref.uid] {
    known_.at(uid).retry = k8s::TimerId::kNone;
    fetch(uid);
  });
}

// Where it may not be read there is nothing to know: a past is a kindness, not a condition.
void PodMemory::fetched(Known& known, const k8s::Result<Json>& answer) {
  const k8s::Code code = answer.status().code();
  const bool none = code == k8s::Code::kNotFound || code == k8s::Code::kForbidden;
  const std::string uid = known.owner.ref.uid;
  if (!answer && !none) {
    fetch_later(known);
    return;
  }
  known.version.clear();
  if (answer) {
    known.version = k8s::string_at(k8s::object_at(*answer, "metadata"), "resourceVersion");
    known.pasts.merge(decode_pasts(*answer));  // what is known here is newer
  }
  known.read = true;
  const auto readers = std::exchange(known.readers, {});
  if ((known.dirty || !known.dones.empty()) && !known.busy) write(uid);
  for (const auto& done : readers) done();
}

void PodMemory::change(const Owner& owner, const std::function<void(PodPasts&)>& change,
                       std::function<void(k8s::Status)> done) {
  const auto found = known_.find(owner.ref.uid);
  if (found == known_.end() || !found->second.read)
    return done({k8s::Code::kUnavailable, "what is remembered is not read yet"});
  Known& known = found->second;
  const PodPasts before = known.pasts;
  change(known.pasts);
  keep_newest(known.pasts);
  const bool stands = before == known.pasts && known.dones.empty() && !known.busy && !known.dirty;
  if (stands) return done({});
  known.dones.push_back(std::move(done));
  if (!known.busy) write(owner.ref.uid);
}

// All that was changed until now, in one write; what is changed meanwhile goes with the next.
void PodMemory::write(const std::string& uid) {
  Known& known = known_.at(uid);
  known.busy = true;
  known.dirty = false;
  const auto dones = std::make_shared<std::vector<Done>>(std::exchange(known.dones, {}));
  const Json object = to_object(known.owner, known.pasts, known.version);
  const k8s::Resource maps = k8s::resources::config_maps();
  auto request = known.version.empty()
                     ? k8s::request::create(maps, known.owner.ns, object)
                     : k8s::request::replace(maps, known.owner.ns, name_of(uid), "", object);
  writer_.send(std::move(request), [this, uid, dones](k8s::Result<Json> answer) {
    Known& known = known_.at(uid);  // a busy one is not forgotten
    known.busy = false;
    known.dirty = !answer;
    if (answer) {
      known.version = k8s::string_at(k8s::object_at(*answer, "metadata"), "resourceVersion");
      if (!known.dones.empty()) write(uid);
    } else if (answer.status().next() != k8s::Next::kFixInput) {
      // What stands there is not what it was taken for, or nobody knows.
      known.read = false;
      fetch_later(known);
    }
    for (const Done& done : *dones) done(answer.status());
  });
}

}  // namespace fermi
