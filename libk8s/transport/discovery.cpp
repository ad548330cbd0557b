#include "libk8s/transport/discovery.hpp"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "libk8s/codec/json.hpp"

namespace k8s {
namespace {

using Json = nlohmann::json;
using Done = std::function<void(Result<std::optional<Resource>>)>;

http::Request get(const std::string& path) {
  http::Request request;
  request.method = "GET";
  request.target = path;
  request.headers.add("Accept", "application/json");
  return request;
}

bool is_absent(const Status& status) {
  return status.code() == Code::kNotFound || status.code() == Code::kForbidden;
}

// The preferred version first.
std::vector<std::string> versions_of(const Json& group) {
  std::vector<std::string> out;
  const std::string preferred = string_at(object_at(group, "preferredVersion"), "version");
  if (!preferred.empty()) out.push_back(preferred);
  for (const Json& version : array_at(group, "versions"))
    if (const std::string name = string_at(version, "version"); name != preferred && !name.empty())
      out.push_back(name);
  return out;
}

void look(Client& client, const Resource& wanted, std::shared_ptr<std::vector<std::string>> left,
          Done done) {
  if (left->empty()) return done(std::optional<Resource>{});
  Resource found = wanted;
  found.version = left->front();
  left->erase(left->begin());
  client.call(get("/apis/" + found.group + "/" + found.version),
              [&client, found, left, done = std::move(done)](Result<Json> answer) {
                if (!answer && !is_absent(answer.status())) return done(answer.status());
                if (answer)
                  for (const Json& resource : array_at(*answer, "resources"))
                    if (string_at(resource, "name") == found.plural)
                      return done(std::optional<Resource>(found));
                look(client, found, left, done);
              });
}

}  // namespace

void discover(Client& client, const Resource& wanted, Done done) {
  client.call(get("/apis/" + wanted.group),
              [&client, wanted, done = std::move(done)](Result<Json> answer) {
                if (!answer && is_absent(answer.status())) return done(std::optional<Resource>{});
                if (!answer) return done(answer.status());
                auto left = std::make_shared<std::vector<std::string>>(versions_of(*answer));
                look(client, wanted, std::move(left), done);
              });
}

}  // namespace k8s
