#include "operator/local/stale_nodes.hpp"

#include <memory>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/request/request.hpp"

namespace fermi {
namespace {

using nlohmann::json;

// What is still to be answered, and the first thing that went wrong.
struct Removal {
  std::size_t open = 0;
  k8s::Status failure;
  std::function<void(k8s::Status)> done;
};

void remove_node(k8s::Client& client, const std::string& name,
                 const std::shared_ptr<Removal>& removal) {
  ++removal->open;
  client.call(k8s::request::remove(k8s::resources::nodes(), "", name),
              [removal](k8s::Result<json> answer) {
                const bool gone = answer || answer.status().code() == k8s::Code::kNotFound;
                if (!gone && removal->failure.is_ok()) removal->failure = answer.status();
                if (--removal->open == 0) removal->done(removal->failure);
              });
}

}  // namespace

void remove_stale_nodes(k8s::Client& client, std::set<std::string> kept,
                        std::function<void(k8s::Status)> done) {
  client.call(k8s::request::list(k8s::resources::nodes(), "", {}),
              [&client, kept = std::move(kept), done = std::move(done)](k8s::Result<json> list) {
                if (!list) return done(list.status());
                auto removal = std::make_shared<Removal>();
                removal->done = done;
                for (const json& node : k8s::array_at(*list, "items")) {
                  const auto name = k8s::string_at(k8s::object_at(node, "metadata"), "name");
                  if (!kept.contains(name)) remove_node(client, name, removal);
                }
                if (removal->open == 0) done(k8s::Status::ok());
              });
}

}  // namespace fermi
