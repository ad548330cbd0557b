// The main of tests with real processes. Called as `PROGRAM pod-shim FOLDER` it is a shim.

#include <gtest/gtest.h>

#include <string_view>

#include "libk8s/node/shim.hpp"

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "pod-shim") {
    return k8s::node::shim_main(argc - 1, argv + 1);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
