// The GPUs of this machine, found by NVML, which is opened at run time; no NVML, no GPUs.
#pragma once

#include <string>
#include <vector>

namespace fermi {

struct Gpu {
  std::string uuid;   // "GPU-...": the identity, whatever order a tool lists them in
  std::string model;  // "NVIDIA-A100-SXM4-80GB": as the device plugin labels nodes
};

std::vector<Gpu> find_gpus();

}  // namespace fermi
