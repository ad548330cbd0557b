#include "libk8s/apiserver/table/table.hpp"

#include <gmock/gmock.h>

#include "libk8s/codec/rfc3339.hpp"
#include "tests/unit/apiserver/schema/worked.hpp"

namespace k8s::apiserver::test {
namespace {

const WallTime kNow = *parse_time("2026-01-01T01:00:00Z");

// "Name=web Ready=1/1 ..." of the columns without -o wide, or of all.
std::string line(const char* object_text, bool wide = false) {
  Json object = yaml(object_text);
  const kinds::Kind* kind =
      kinds::find_kind(object["apiVersion"].get<std::string>(), object["kind"].get<std::string>());
  table::PrinterRef printer = table::printer(*kind);
  Json columns = printer->columns(), cells = printer->cells(object, kNow);
  EXPECT_EQ(columns.size(), cells.size());
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (columns[i]["priority"] != 0 && !wide) continue;
    text += (text.empty() ? "" : "|") +
            (cells[i].is_string() ? cells[i].get<std::string>() : cells[i].dump());
  }
  return text;
}

TEST(PodTable, A_running_pod) {
  EXPECT_EQ(line(R"(
{apiVersion: v1, kind: Pod, metadata: {name: web, creationTimestamp: "2026-01-01T00:55:00Z"},
 spec: {nodeName: n1, containers: [{name: a}, {name: b}]},
 status: {phase: Running, podIP: 10.0.0.1, containerStatuses: [
  {name: a, ready: true, restartCount: 2, state: {running: {}},
   lastState: {terminated: {finishedAt: "2026-01-01T00:58:00Z"}}},
  {name: b, ready: false, restartCount: 0, state: {running: {}}}]}})",
                 true),
            "web|1/2|Running|2 (2m ago)|5m|10.0.0.1|n1|<none>|<none>");
}

std::string pod_status(const std::string& spec, const std::string& status,
                       const std::string& metadata = "") {
  std::string text = line(("{apiVersion: v1, kind: Pod, metadata: {name: p" + metadata +
                           "}, spec: {" + spec + "}, status: {" + status + "}}")
                              .c_str());
  std::size_t start = text.find('|', text.find('|') + 1) + 1;
  return text.substr(start, text.find('|', start) - start);
}

TEST(PodTable, The_status_says_what_is_going_on) {
  EXPECT_EQ(pod_status("", "phase: Pending"), "Pending");
  EXPECT_EQ(pod_status("schedulingGates: [{name: g}]", "phase: Pending"), "SchedulingGated");
  EXPECT_EQ(pod_status("", "phase: Failed, reason: Evicted"), "Evicted");
  EXPECT_EQ(pod_status("containers: [{name: a}]",
                       "phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: "
                       "ImagePullBackOff}}}]"),
            "ImagePullBackOff");
  EXPECT_EQ(pod_status("containers: [{name: a}]",
                       "phase: Failed, containerStatuses: [{name: a, state: {terminated: "
                       "{exitCode: 3}}}]"),
            "ExitCode:3");
  EXPECT_EQ(pod_status("containers: [{name: a}]",
                       "phase: Succeeded, containerStatuses: [{name: a, state: {terminated: "
                       "{exitCode: 0, reason: Completed}}}]"),
            "Completed");
  EXPECT_EQ(pod_status("initContainers: [{name: i}, {name: j}]",
                       "phase: Pending, initContainerStatuses: [{name: i, state: {terminated: "
                       "{exitCode: 0}}}, {name: j, state: {running: {}}}]"),
            "Init:1/2");
  EXPECT_EQ(pod_status("", "phase: Running", ", deletionTimestamp: '2026-01-01T00:00:00Z'"),
            "Terminating");
}

TEST(NodeTable, Roles_and_readiness) {
  EXPECT_EQ(line(R"(
{apiVersion: v1, kind: Node, metadata: {name: n1, creationTimestamp: "2025-12-30T01:00:00Z",
 labels: {node-role.kubernetes.io/gpu: ""}}, spec: {unschedulable: true},
 status: {conditions: [{type: Ready, status: "True"}], nodeInfo: {kubeletVersion: v1}}})"),
            "n1|Ready,SchedulingDisabled|gpu|2d|v1");
}

TEST(OtherTables, Show_what_kubectl_users_look_for) {
  EXPECT_EQ(line("{apiVersion: v1, kind: Service, metadata: {name: s, creationTimestamp: "
                 "'2026-01-01T00:59:30Z'}, spec: {type: ClusterIP, clusterIP: None, ports: [{port: "
                 "80, protocol: TCP}, {port: 53, protocol: UDP}]}}"),
            "s|ClusterIP|None|<none>|80/TCP,53/UDP|30s");
  EXPECT_EQ(line("{apiVersion: v1, kind: Namespace, metadata: {name: n1}, status: {phase: "
                 "Active}}"),
            "n1|Active|<unknown>");
  EXPECT_EQ(line("{apiVersion: v1, kind: Secret, metadata: {name: s}, type: Opaque, data: {a: "
                 "''}}"),
            "s|Opaque|1|<unknown>");
  EXPECT_EQ(line("{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: ''}, "
                 "binaryData: {b: ''}}"),
            "c|2|<unknown>");
  EXPECT_EQ(line("{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: l}, spec: "
                 "{holderIdentity: me}}"),
            "l|me|<unknown>");
  EXPECT_EQ(line("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c}, spec: "
                 "{storageClassName: fast}, status: {phase: Bound, accessModes: [ReadWriteOnce], "
                 "capacity: {storage: 1Gi}}}"),
            "c|Bound||1Gi|RWO|fast|<unset>|<unknown>");
}

TEST(EventTable, Both_versions_of_an_event_print_alike) {
  const char* core =
      "{apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {kind: Pod, name: p}, "
      "type: Normal, reason: Started, message: 'it runs\n', lastTimestamp: "
      "'2026-01-01T00:59:00Z'}";
  const char* events =
      "{apiVersion: events.k8s.io/v1, kind: Event, metadata: {name: e}, regarding: {kind: Pod, "
      "name: p}, type: Normal, reason: Started, note: it runs, eventTime: "
      "'2026-01-01T00:59:00.000000Z'}";
  EXPECT_EQ(line(core), "60s|Normal|Started|pod/p|it runs");
  EXPECT_EQ(line(events), line(core));
}

TEST(CustomTable, Columns_follow_the_definition) {
  CrdVersion version;
  version.columns = {{"N", "integer", "", "", ".spec.n", 0},
                     {"Ready", "string", "", "", ".status.c[?(@.t==\"R\")].s", 0},
                     {"When", "date", "", "", ".spec.when", 1},
                     {"None", "string", "", "", ".spec.none", 0},
                     {"Many", "string", "", "", ".spec.l", 0}};
  Json object = yaml(R"({metadata: {name: a}, spec: {n: 3, when: "2026-01-01T00:00:00Z", l: [1]},
                         status: {c: [{t: R, s: "True"}]}})");
  table::PrinterRef printer = table::printer(version);
  EXPECT_EQ(printer->cells(object, kNow), Json::parse(R"(["a",3,"True","60m",null,"[1]"])"));
  EXPECT_EQ(printer->columns()[3]["priority"], 1);
  EXPECT_EQ(table::printer(CrdVersion{})->columns()[1]["name"], "Age");
}

TEST(Tables, Rows_carry_as_much_of_the_object_as_was_asked_for) {
  Json pod = yaml("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}}");
  table::PrinterRef printer = table::printer(*kinds::find("", "v1", "pods"));
  auto object = [&](table::Include include) {
    return table::table(*printer, {&pod}, {{"resourceVersion", "7"}}, include, kNow)["rows"][0]
        .value("object", Json());
  };
  EXPECT_EQ(object(table::Include::kObject), pod);
  EXPECT_EQ(object(table::Include::kNone), Json());
  EXPECT_EQ(object(table::Include::kMetadata)["kind"], "PartialObjectMetadata");
  EXPECT_EQ(*table::parse_include(""), table::Include::kMetadata);
  EXPECT_EQ(table::parse_include("All").status().http_status(), 400);
  Json later = table::table(*printer, {&pod}, Json(), table::Include::kNone, kNow, false);
  EXPECT_TRUE(later["columnDefinitions"].is_null());
}

TEST(Durations, Are_written_as_kubectl_writes_them) {
  using std::chrono::hours;
  using std::chrono::seconds;
  for (const auto& [given, text] :
       std::vector<std::pair<Duration, std::string>>{{seconds(-5), "<invalid>"},
                                                     {seconds(0), "0s"},
                                                     {seconds(119), "119s"},
                                                     {seconds(120), "2m"},
                                                     {seconds(150), "2m30s"},
                                                     {seconds(900), "15m"},
                                                     {hours(3), "3h"},
                                                     {seconds(3 * 3600 + 300), "3h5m"},
                                                     {hours(47), "47h"},
                                                     {hours(49), "2d1h"},
                                                     {hours(24 * 100), "100d"},
                                                     {hours(24 * 800), "2y70d"},
                                                     {hours(24 * 365 * 9), "9y"}}) {
    EXPECT_EQ(table::human_duration(given), text);
  }
}

}  // namespace
}  // namespace k8s::apiserver::test
