#include "libk8s/apiserver/core/reader.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/core/filter.hpp"
#include "libk8s/apiserver/protobuf/protobuf.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

// Where the next page begins, and of which revision: what a continue token says. Revision 0 marks
// an inconsistent continuation, which reads the most recent state.
struct Position {
  std::uint64_t revision = 0;
  Key after;  // the last object given out
};

// Tokens are opaque to clients, and need to be safe in a URL: hex of a small JSON text.
std::string encode_token(const Position& position) {
  static constexpr char kHex[] = "0123456789abcdef";
  const std::string text = json_text(
      nlohmann::json::array({position.revision, position.after.first, position.after.second}));
  std::string token;
  for (const char c : text) {
    token += kHex[static_cast<unsigned char>(c) >> 4U];
    token += kHex[static_cast<unsigned char>(c) & 15U];
  }
  return token;
}

std::string from_hex(const std::string& token) {
  std::string text;
  for (std::size_t i = 0; i + 1 < token.size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(&token[i], &token[i] + 2, value, 16);
    if (error != std::errc() || end != &token[i] + 2) return {};
    text += static_cast<char>(value);
  }
  return text;
}

Outcome<Position> decode_token(const std::string& token) {
  constexpr std::size_t kMaxToken = 4096;
  const ApiError broken = bad_request("continue key is not valid: it was not made by this server");
  if (token.size() > kMaxToken || token.size() % 2 != 0) return broken;
  const auto value = nlohmann::json::parse(from_hex(token), nullptr, false);
  const bool fits = value.is_array() && value.size() == 3 && value[0].is_number_unsigned() &&
                    value[1].is_string() && value[2].is_string();
  if (!fits) return broken;
  return Position{value[0].get<std::uint64_t>(),
                  {value[1].get<std::string>(), value[2].get<std::string>()}};
}

// What a list is to read: which state, from where, how much.
struct Plan {
  std::uint64_t revision = 0;
  bool historic = false;  // `revision` is not the current one
  std::optional<Key> after;
  std::size_t limit = 0;  // 0: no limit
};

ApiError expired_page(const Position& position) {
  ApiError error = expired(
      "The provided continue parameter is too old to display a consistent list result. You can "
      "start a new list without the continue parameter, or use the continue token in this "
      "response to retrieve the remainder of the results. Continuing with the provided token "
      "results in an inconsistent list.");
  error.continue_token = encode_token({0, position.after});
  return error;
}

Outcome<Plan> plan_page(const Core& core, const Call& call, Plan plan) {
  if (const std::string version = call.target.query.get("resourceVersion");
      !version.empty() && version != "0") {
    return bad_request("specifying resource version is not allowed when using continue");
  }
  auto position = decode_token(call.target.query.get("continue"));
  if (!position) return position.error();
  plan.after = position->after;
  plan.revision = position->revision == 0 ? core.store->revision() : position->revision;
  if (plan.revision < core.store->floor(call.type->storage) ||
      plan.revision > core.store->revision()) {
    return expired_page(*position);
  }
  plan.historic = plan.revision < core.store->revision();
  return plan;
}

Outcome<Plan> plan_list(const Core& core, const Call& call) {
  const Query& query = call.target.query;
  if (auto check = check_version_match(query); !check) return check.error();
  auto limit = query.number("limit");
  if (!limit) return limit.error();
  Plan plan;
  plan.limit = static_cast<std::size_t>((*limit).value_or(0));
  if (!query.get("continue").empty()) return plan_page(core, call, plan);

  auto version = parse_version(query.get("resourceVersion"));
  if (!version) return version.error();
  const std::uint64_t current = core.store->revision();
  const std::uint64_t wanted = (*version).value_or(0);
  if (wanted > current) return too_large_version(wanted, current);
  const std::string match = query.get("resourceVersionMatch");
  // With a limit and no match rule, a resourceVersion means exactly that one.
  const bool exact = match == "Exact" || (match.empty() && plan.limit > 0 && wanted > 0);
  plan.revision = exact ? wanted : current;
  plan.historic = exact && wanted < current;
  if (plan.historic && wanted < core.store->floor(call.type->storage)) {
    return expired("The resourceVersion for the provided list is too old.");
  }
  return plan;
}

struct Page {
  std::vector<View> items;
  std::uint64_t revision = 0;
  std::string continue_token;
  std::size_t remaining = 0;
};

Page read_page(const Core& core, const Call& call, const Filter& filter, const Plan& plan) {
  Page page;
  page.revision = plan.revision;
  std::optional<Objects> past;
  if (plan.historic) past = core.store->all_at(call.type->storage, plan.revision);
  const Objects& objects = past ? *past : core.store->all(call.type->storage);
  auto at = plan.after ? objects.upper_bound(*plan.after) : objects.lower_bound({filter.ns, ""});
  Key last;
  for (; at != objects.end(); ++at) {
    if (!filter.ns.empty() && at->first.first != filter.ns) break;
    if (!filter.matches(*call.type, at->second)) continue;
    if (plan.limit > 0 && page.items.size() == plan.limit) {
      page.continue_token = encode_token({plan.revision, last});
      break;
    }
    page.items.emplace_back(*call.type, at->second);
    last = at->first;
  }
  // As Kubernetes, count what remains only when nothing is filtered.
  if (page.continue_token.empty() || !filter.empty()) return page;
  for (; at != objects.end() && (filter.ns.empty() || at->first.first == filter.ns); ++at) {
    ++page.remaining;
  }
  return page;
}

nlohmann::json list_meta(const Page& page) {
  nlohmann::json meta{{"resourceVersion", std::to_string(page.revision)}};
  if (!page.continue_token.empty()) {
    meta["continue"] = page.continue_token;
    if (page.remaining > 0) meta["remainingItemCount"] = page.remaining;
  }
  return meta;
}

Outcome<http::Response> table_response(const Core& core, const Call& call, const Page& page) {
  auto include = table::parse_include(call.target.query.get("includeObject"));
  if (!include) return from_status(include.status());
  std::vector<const nlohmann::json*> objects;
  for (const View& item : page.items) objects.push_back(&item.json());
  return json_response(200, table::table(*call.type->printer, objects, list_meta(page), *include,
                                         core.options.now()));
}

http::Response metadata_response(const Page& page) {
  nlohmann::json items = nlohmann::json::array();
  for (const View& item : page.items) {
    items.push_back({{"kind", "PartialObjectMetadata"},
                     {"apiVersion", "meta.k8s.io/v1"},
                     {"metadata", object_at(item.json(), "metadata")}});
  }
  return json_response(200, {{"kind", "PartialObjectMetadataList"},
                             {"apiVersion", "meta.k8s.io/v1"},
                             {"metadata", list_meta(page)},
                             {"items", std::move(items)}});
}

Outcome<http::Response> protobuf_list(const Call& call, const Page& page) {
  std::vector<const nlohmann::json*> objects;
  for (const View& item : page.items) objects.push_back(&item.json());
  auto bytes = protobuf::encode_list(call.type->api_version(), call.type->list_kind,
                                     list_meta(page), objects);
  if (!bytes) return from_status(bytes.status());
  http::Response response;
  response.status = 200;
  response.headers.set("Content-Type", std::string(protobuf::kContentType));
  response.body = std::move(bytes).value();
  return response;
}

// Joins the stored texts: a list is not built as a JSON value first.
http::Response json_list(const Call& call, const Page& page) {
  http::Response response;
  response.status = 200;
  response.headers.set("Content-Type", "application/json");
  std::string& body = response.body;
  body = "{\"kind\":" + json_text(call.type->list_kind) +
         ",\"apiVersion\":" + json_text(call.type->api_version()) +
         ",\"metadata\":" + json_text(list_meta(page)) + ",\"items\":[";
  bool first = true;
  for (const View& item : page.items) {
    if (!first) body += ',';
    first = false;
    body += item.text();
  }
  body += "]}\n";
  return response;
}

Outcome<http::Response> list_response(const Core& core, const Call& call, const Page& page) {
  if (call.media.form == Form::kTable) return table_response(core, call, page);
  if (call.media.form == Form::kMetadata) return metadata_response(page);
  if (call.media.protobuf) return protobuf_list(call, page);
  return json_list(call, page);
}

}  // namespace

Outcome<std::optional<std::uint64_t>> parse_version(const std::string& text) {
  if (text.empty()) return std::optional<std::uint64_t>();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return bad_request("Invalid value: \"" + text + "\": resourceVersion must be a whole number");
  }
  return std::optional(value);
}

Check check_version_match(const Query& query) {
  const auto forbidden_match = [](std::string why) {
    return invalid_options("ListOptions",
                           {"FieldValueForbidden", "Forbidden: " + why, "resourceVersionMatch"});
  };
  if (query.has("sendInitialEvents")) {
    return invalid_options(
        "ListOptions", {"FieldValueForbidden", "Forbidden: sendInitialEvents is forbidden for list",
                        "sendInitialEvents"});
  }
  const std::string match = query.get("resourceVersionMatch");
  if (match.empty()) return Done{};
  const std::string version = query.get("resourceVersion");
  if (match != "Exact" && match != "NotOlderThan") {
    return invalid_options("ListOptions", {"FieldValueNotSupported",
                                           "Unsupported value: \"" + match +
                                               "\": supported values: \"Exact\", \"NotOlderThan\"",
                                           "resourceVersionMatch"});
  }
  if (version.empty()) {
    return forbidden_match("resourceVersionMatch is forbidden unless resourceVersion is provided");
  }
  if (!query.get("continue").empty()) {
    return forbidden_match("resourceVersionMatch is forbidden when continue is provided");
  }
  if (match == "Exact" && version == "0") {
    return forbidden_match("resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"");
  }
  return Done{};
}

Reply get_object(Core& core, const Call& call) {
  auto version = parse_version(call.target.query.get("resourceVersion"));
  if (!version) return error_reply(version.error());
  if ((*version).value_or(0) > core.store->revision()) {
    return error_reply(too_large_version(**version, core.store->revision()));
  }
  const ObjectPtr object = core.store->get(object_id(*call.type, call.target.ns, call.target.name));
  if (object == nullptr) return error_reply(not_found(call.type->subject(call.target.name)));
  const View view(*call.type, object);
  if (call.media.form != Form::kObject || call.media.protobuf) {
    return object_reply(core, call, 200, view.json());
  }
  Reply reply;
  reply.response.status = 200;
  reply.response.headers.set("Content-Type", "application/json");
  reply.response.body = view.text();
  add_warnings(reply.response, call.warnings);
  return reply;
}

Reply list_objects(Core& core, const Call& call) {
  auto filter = Filter::from(call);
  if (!filter) return error_reply(filter.error());
  auto plan = plan_list(core, call);
  if (!plan) return error_reply(plan.error());
  const Page page = read_page(core, call, *filter, *plan);
  auto response = list_response(core, call, page);
  if (!response) return error_reply(response.error());
  add_warnings(*response, call.warnings);
  return {std::move(response).take(), nullptr};
}

}  // namespace k8s::apiserver
