// Serves an embedded API server over HTTPS until its standard input ends: what the kubectl script
// and the durability test talk to. Prints "ready URL" once it listens.
//
//   embedded_server DATA_DIR     database, certificates and kubeconfig lie in DATA_DIR
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <random>

#include "libk8s/apiserver/https_server.hpp"
#include "libk8s/apiserver/server.hpp"

namespace {

using namespace k8s::apiserver;

int fail(const k8s::Status& status) {
  std::cerr << "embedded_server: " << status.message() << "\n";
  return 1;
}

k8s::WallTime wall_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(since).count()};
}

std::uint64_t random_bits() {
  static std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

int serve(const std::string& directory) {
  std::filesystem::create_directories(directory);
  Options options;
  options.database = directory + "/objects.db";
  options.now = wall_now;
  options.random = random_bits;
  auto api = ApiServer::open(std::move(options));
  if (!api) return fail(api.status());
  HttpsOptions https;
  https.data_dir = directory + "/tls";
  auto server = HttpsServer::start(**api, std::move(https));
  if (!server) return fail(server.status());
  const auto written = (*server)->write_kubeconfig(directory + "/kubeconfig", "embedded");
  if (!written.is_ok()) return fail(written);
  std::cout << "ready " << (*server)->url() << std::endl;
  // The starter holds the other end of the pipe: when it goes, so does the server.
  for (int c = 0; c != EOF;) c = std::getchar();
  (*server)->stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: embedded_server DATA_DIR\n";
    return 2;
  }
  return serve(argv[1]);
}
