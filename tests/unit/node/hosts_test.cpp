// /etc/hosts of Pods: who is named, and how.

#include "libk8s/node/hosts.hpp"

#include <gtest/gtest.h>

namespace k8s::node {
namespace {

NodePod pod(const std::string& ns, const std::string& hostname, const std::string& subdomain) {
  NodePod pod;
  pod.base.meta.name = hostname + "-pod";
  pod.base.meta.ns = ns;
  pod.base.meta.labels = {{"job", subdomain}};
  pod.hostname = hostname;
  pod.subdomain = subdomain;
  return pod;
}

Service service(const std::string& ns, const std::string& name, bool headless) {
  Service service;
  service.meta.name = name;
  service.meta.ns = ns;
  service.headless = headless;
  service.selector = {{"job", name}};
  return service;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Hosts, A_member_of_a_headless_Service_has_all_forms_of_its_name) {
  const NodePod member = pod("ns", "w-0", "gang");
  const Service gang = service("ns", "gang", true);
  const std::string text =
      hosts_of_namespace("ns", {{&member, "127.64.0.1", false}}, {&gang}, "cluster.local");
  EXPECT_EQ(text,
            "127.64.0.1\tw-0.gang.ns.svc.cluster.local w-0.gang.ns.svc w-0.gang.ns w-0.gang\n");
}

TEST(Hosts, Other_namespaces_see_only_the_forms_with_the_namespace) {
  const NodePod member = pod("ns", "w-0", "gang");
  const Service gang = service("ns", "gang", true);
  const std::string text =
      hosts_of_namespace("other", {{&member, "127.64.0.1", true}}, {&gang}, "cluster.local");
  EXPECT_TRUE(has(text, "w-0.gang.ns\n"));
  EXPECT_TRUE(has(text, "gang.ns\n"));
  EXPECT_FALSE(has(text, "w-0.gang\n"));
}

TEST(Hosts, Without_the_Service_there_is_no_name) {
  const NodePod member = pod("ns", "w-0", "gang");
  const Service elsewhere = service("other", "gang", true),
                not_headless = service("ns", "gang", false);
  const std::vector<HostEntry> pods = {{&member, "127.64.0.1", false}};
  EXPECT_EQ(hosts_of_namespace("ns", pods, {}, "d"), "");
  EXPECT_EQ(hosts_of_namespace("ns", pods, {&elsewhere}, "d"), "");
  EXPECT_EQ(hosts_of_namespace("ns", pods, {&not_headless}, "d"), "");
}

TEST(Hosts, A_Service_names_its_ready_Pods) {
  const NodePod a = pod("ns", "a", "web"), b = pod("ns", "b", "web");
  Service web = service("ns", "web", false);
  const std::vector<HostEntry> pods = {{&a, "127.64.0.1", true}, {&b, "127.64.0.2", false}};
  const std::string text = hosts_of_namespace("ns", pods, {&web}, "d");
  EXPECT_EQ(text, "127.64.0.1\tweb.ns.svc.d web.ns.svc web.ns web\n");
  web.publish_not_ready = true;
  EXPECT_TRUE(has(hosts_of_namespace("ns", pods, {&web}, "d"), "127.64.0.2\tweb.ns.svc.d"));
}

TEST(Hosts, A_Pod_finds_itself_by_its_full_name_first) {
  NodePod self = pod("ns", "w-0", "gang");
  self.host_aliases = {{"10.0.0.1", {"db", "bad name\n1.2.3.4 x"}}};
  const std::string text = hosts_file(self, "127.64.0.1", "d", "REST\n");
  EXPECT_TRUE(has(text, "127.0.0.1\tlocalhost\n"));
  EXPECT_TRUE(has(text, "127.64.0.1\tw-0.gang.ns.svc.d w-0\n"));
  EXPECT_TRUE(has(text, "10.0.0.1\tdb\n"));
  EXPECT_FALSE(has(text, "1.2.3.4"));
  EXPECT_TRUE(text.ends_with("REST\n"));
}

}  // namespace
}  // namespace k8s::node
