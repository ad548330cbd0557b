#include <nlohmann/json.hpp>

#include "libk8s/apiserver/table/columns.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::table {
namespace {

Column made(std::string name, Cell cell, int priority = 0, std::string type = "string") {
  return {std::move(name), std::move(type), "", "", priority, std::move(cell)};
}

std::string ports(const Json& service) {
  std::vector<std::string> parts;
  for (const Json& port : array_at(object_at(service, "spec"), "ports")) {
    std::string text = std::to_string(int_at(port, "port"));
    if (std::int64_t node = int_at(port, "nodePort"); node > 0) text += ":" + std::to_string(node);
    parts.push_back(text + "/" + string_at(port, "protocol", "TCP"));
  }
  return joined(parts);
}

std::string external_ip(const Json& service) {
  const Json& spec = object_at(service, "spec");
  std::string type = string_at(spec, "type");
  if (type == "ExternalName") return string_at(spec, "externalName");
  std::vector<std::string> parts;
  const Json& balancer = object_at(object_at(service, "status"), "loadBalancer");
  for (const Json& in : array_at(balancer, "ingress")) {
    std::string ip = string_at(in, "ip");
    parts.push_back(ip.empty() ? string_at(in, "hostname") : ip);
  }
  for (const Json& ip : array_at(spec, "externalIPs")) {
    if (ip.is_string()) parts.push_back(ip.get<std::string>());
  }
  return joined(parts, type == "LoadBalancer" ? "<pending>" : "<none>");
}

Columns service_columns() {
  return {name_column(),
          text_column("Type", {"spec", "type"}),
          text_column("Cluster-IP", {"spec", "clusterIP"}, "<none>"),
          made("External-IP", [](const Json& o, WallTime) { return external_ip(o); }),
          made("Port(s)", [](const Json& o, WallTime) { return ports(o); }),
          age_column(),
          made(
              "Selector",
              [](const Json& o, WallTime) {
                return labels_text(at(o, {"spec", "selector"}));
              },
              1)};
}

// The same field under its name in v1 or in events.k8s.io/v1.
const Json& either(const Json& event, const char* core, const char* events) {
  return event.contains(core) ? event[core] : at(event, {events});
}

std::string event_object(const Json& event) {
  const Json& object = either(event, "involvedObject", "regarding");
  std::string kind = string_at(object, "kind");
  for (char& c : kind) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return kind + "/" + string_at(object, "name");
}

std::string last_seen(const Json& event, WallTime now) {
  const Json& series = at(event, {"series", "lastObservedTime"});
  if (series.is_string()) return since(series, now);
  const Json& last = either(event, "lastTimestamp", "deprecatedLastTimestamp");
  return since(last.is_string() ? last : at(event, {"eventTime"}), now);
}

std::string first_seen(const Json& event, WallTime now) {
  const Json& first = either(event, "firstTimestamp", "deprecatedFirstTimestamp");
  return since(first.is_string() ? first : at(event, {"eventTime"}), now);
}

std::string event_source(const Json& event) {
  const Json& source = either(event, "source", "deprecatedSource");
  std::string component = string_at(source, "component"), host = string_at(source, "host");
  const Json& reporter = either(event, "reportingComponent", "reportingController");
  if (component.empty() && reporter.is_string()) component = reporter.get<std::string>();
  return host.empty() ? component : component + ", " + host;
}

std::int64_t event_count(const Json& event) {
  if (event.contains("series")) return int_at(event["series"], "count");
  const Json& count = either(event, "count", "deprecatedCount");
  return count.is_number_integer() ? count.get<std::int64_t>() : 1;
}

std::string trimmed(const Json& text) {
  std::string out = text.is_string() ? text.get<std::string>() : "";
  while (!out.empty() && std::isspace(static_cast<unsigned char>(out.back()))) out.pop_back();
  return out;
}

Columns event_columns() {
  return {made("Last Seen", [](const Json& o, WallTime now) { return last_seen(o, now); }),
          text_column("Type", {"type"}),
          text_column("Reason", {"reason"}),
          made("Object", [](const Json& o, WallTime) { return event_object(o); }),
          made(
              "Subobject",
              [](const Json& o, WallTime) {
                return string_at(either(o, "involvedObject", "regarding"), "fieldPath");
              },
              1),
          made(
              "Source", [](const Json& o, WallTime) { return event_source(o); }, 1),
          made("Message",
               [](const Json& o, WallTime) { return trimmed(either(o, "message", "note")); }),
          made(
              "First Seen", [](const Json& o, WallTime now) { return first_seen(o, now); }, 1),
          made(
              "Count", [](const Json& o, WallTime) { return event_count(o); }, 1, "integer"),
          [] {
            Column name = name_column();
            name.priority = 1;
            return name;
          }()};
}

std::string slice_ports(const Json& slice) {
  std::vector<std::string> parts;
  for (const Json& port : array_at(slice, "ports")) {
    if (int_at(port, "port") > 0) parts.push_back(std::to_string(int_at(port, "port")));
  }
  return joined(parts, "<unset>");
}

std::string slice_endpoints(const Json& slice) {
  std::vector<std::string> parts;
  std::size_t more = 0;
  for (const Json& endpoint : array_at(slice, "endpoints")) {
    for (const Json& address : array_at(endpoint, "addresses")) {
      if (!address.is_string()) continue;
      if (parts.size() < 3) {
        parts.push_back(address.get<std::string>());
      } else {
        ++more;
      }
    }
  }
  std::string text = joined(parts, "<unset>");
  return more == 0 ? text : text + " + " + std::to_string(more) + " more...";
}

std::string ingress_hosts(const Json& ingress) {
  std::vector<std::string> hosts;
  for (const Json& rule : array_at(object_at(ingress, "spec"), "rules")) {
    if (std::string host = string_at(rule, "host"); !host.empty()) hosts.push_back(host);
  }
  return joined(hosts, "*");
}

}  // namespace

Columns workload_columns(std::string_view kind) {
  if (kind == "Service") return service_columns();
  if (kind == "Event") return event_columns();
  if (kind == "Namespace") {
    return {name_column(), text_column("Status", {"status", "phase"}), age_column()};
  }
  if (kind == "Lease") {
    return {name_column(), text_column("Holder", {"spec", "holderIdentity"}), age_column()};
  }
  if (kind == "EndpointSlice") {
    return {name_column(), text_column("AddressType", {"addressType"}),
            made("Ports", [](const Json& o, WallTime) { return slice_ports(o); }),
            made("Endpoints", [](const Json& o, WallTime) { return slice_endpoints(o); }),
            age_column()};
  }
  if (kind == "Ingress") {
    return {name_column(),
            text_column("Class", {"spec", "ingressClassName"}, "<none>"),
            made("Hosts", [](const Json& o, WallTime) { return ingress_hosts(o); }),
            made("Address",
                 [](const Json& o, WallTime) {
                   std::vector<std::string> parts;
                   for (const Json& in : array_at(at(o, {"status", "loadBalancer"}), "ingress")) {
                     parts.push_back(string_at(in, "ip", string_at(in, "hostname")));
                   }
                   return joined(parts, "");
                 }),
            made("Ports",
                 [](const Json& o, WallTime) {
                   return array_at(object_at(o, "spec"), "tls").empty() ? "80" : "80, 443";
                 }),
            age_column()};
  }
  if (kind == "NetworkPolicy") {
    return {name_column(),
            made("Pod-Selector",
                 [](const Json& o, WallTime) {
                   return labels_text(at(o, {"spec", "podSelector", "matchLabels"}));
                 }),
            age_column()};
  }
  return {};
}

}  // namespace k8s::apiserver::table
