// `fermi up`: a whole Fermi on one machine, in one process.
//
//   embedded API server (its own thread) <-- loopback HTTPS --> one loop: node runtime, operator,
//   follower; health and metrics on a small HTTP endpoint
//
// Everything that has to last stands under the data folder; a killed process that is started again
// with the same folder goes on where it was, and adopts what still runs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libk8s/base/status.hpp"
#include "libk8s/node/node_runtime.hpp"
#include "libk8s/transport/curl_loop.hpp"

namespace fermi {

struct UpOptions {
  std::string data_dir;    // made if missing
  std::string nodes;       // "zone-a=2x8,..."; "": this machine as it is
  int port = 7443;         // of the API server; 0: any free one, the same one on each start
  std::string kubeconfig;  // where to write it; "": in the data folder
  std::string http_address = "127.0.0.1:0";
  std::string config_file;         // prices, latencies; "" for none
  std::vector<std::string> apply;  // manifests to apply once all is up
  bool fresh = false;              // delete what --apply names before applying it
  bool follow = false;             // show the TrainingJobs among them live
  bool once = false;               // end when these have ended
  bool stop_pods = false;          // end the processes of all Pods at the end
  std::vector<std::string> shim_command;
};

class Up {
 public:
  Up(k8s::CurlLoop& loop, UpOptions options);
  ~Up();

  // Starts everything and says where it is. The error is one sentence. What can only fail later
  // (a manifest that is refused) ends the loop with exit code 1.
  k8s::Status start();
  // Orderly end; the loop is stopped when it is done.
  void shut_down();
  // What `fermi up` exits with.
  int exit_code() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fermi
