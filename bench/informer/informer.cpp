// Our side of the informer benchmark: a Pod informer that syncs once against a kubeconfig and
// reports, as one line of JSON on stdout, what that cost. The fields are those of the client-go
// program beside it.
//
// The clock starts before the first request and stops when the informer is synced. CPU time is the
// process's own over that span. The live heap is what the allocator holds for us after the sync,
// less what it held before.

#include <malloc.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "libk8s/transport/curl_transport.hpp"
#include "libk8s/types/codec.hpp"
#include "libk8s/watch/informer.hpp"

namespace {

struct Options {
  std::string kubeconfig;
  bool watch_list = false;
  int timeout_s = 300;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// ru_maxrss is in KiB.
long peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

std::size_t live_heap() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

int fail(const std::string& why) {
  std::fprintf(stderr, "informer: %s\n", why.c_str());
  return 1;
}

int measure(const Options& options) {
  k8s::KubeconfigOptions where;
  if (!options.kubeconfig.empty()) where.files = {options.kubeconfig};
  const auto config = k8s::load_kubeconfig(where);
  if (!config) return fail(config.status().to_string());
  k8s::CurlLoop loop;
  auto transport = k8s::connect(loop, *config);
  if (!transport) return fail(transport.status().to_string());

  k8s::InformerOptions how;
  how.watch_list = options.watch_list;
  // From the server's cache, as client-go's first list and the download that it is compared with.
  how.may_start_stale = true;
  k8s::Informer<k8s::Pod> informer(loop, **transport, how);
  const std::size_t heap_before = live_heap();
  const double cpu_before = cpu_seconds();
  const k8s::TimePoint began = loop.now();
  informer.start();
  const bool synced =
      loop.run_until([&] { return informer.synced(); }, std::chrono::seconds(options.timeout_s));
  const double sync_s = std::chrono::duration<double>(loop.now() - began).count();
  const double cpu_s = cpu_seconds() - cpu_before;
  if (!synced) return fail("not synced in time: " + informer.last_error().to_string());

  const long peak = peak_rss_bytes();
  const std::size_t live = live_heap();
  const auto pods = static_cast<double>(informer.size());
  const nlohmann::json report = {
      {"client", "libk8s"},
      {"encoding", "protobuf"},
      {"pods", informer.size()},
      {"syncSeconds", sync_s},
      {"cpuSeconds", cpu_s},
      {"liveHeapBytes", live},
      {"bytesPerPod", pods > 0 ? static_cast<double>(live - heap_before) / pods : 0.0},
      {"peakRssBytes", peak}};
  std::printf("%s\n", report.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Syncs one Pod informer and reports what that cost");
  app.add_option("--kubeconfig", options.kubeconfig, "of the cluster; default: $KUBECONFIG");
  app.add_flag("--watch-list", options.watch_list, "WatchList instead of list and watch");
  app.add_option("--timeout", options.timeout_s, "give up after so many seconds");
  CLI11_PARSE(app, argc, argv);
  return measure(options);
}
