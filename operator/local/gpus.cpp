#include "operator/local/gpus.hpp"

#include <dlfcn.h>

#include <array>
#include <memory>

namespace fermi {
namespace {

// The few calls of NVML that are needed, by their C signatures; 0 is success.
struct Nvml {
  using Device = void*;
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*by_index)(unsigned, Device*) = nullptr;
  int (*uuid)(Device, char*, unsigned) = nullptr;
  int (*model)(Device, char*, unsigned) = nullptr;
};

template <class Function>
bool load(void* library, const char* symbol, Function*& into) {
  into = reinterpret_cast<Function*>(dlsym(library, symbol));
  return into != nullptr;
}

bool load_all(void* library, Nvml& nvml) {
  return load(library, "nvmlInit_v2", nvml.init) && load(library, "nvmlShutdown", nvml.shutdown) &&
         load(library, "nvmlDeviceGetCount_v2", nvml.count) &&
         load(library, "nvmlDeviceGetHandleByIndex_v2", nvml.by_index) &&
         load(library, "nvmlDeviceGetUUID", nvml.uuid) &&
         load(library, "nvmlDeviceGetName", nvml.model);
}

std::string without_blanks(std::string text) {
  for (char& c : text) {
    if (c == ' ') c = '-';
  }
  return text;
}

}  // namespace

std::vector<Gpu> find_gpus() {
  const std::unique_ptr<void, int (*)(void*)> library(
      dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL),
      [](void* l) { return l ? dlclose(l) : 0; });
  Nvml nvml;
  if (!library || !load_all(library.get(), nvml) || nvml.init() != 0) return {};
  std::vector<Gpu> gpus;
  unsigned count = 0;
  if (nvml.count(&count) != 0) count = 0;
  for (unsigned i = 0; i < count; ++i) {
    Nvml::Device device = nullptr;
    std::array<char, 128> uuid{}, model{};
    const bool known = nvml.by_index(i, &device) == 0 &&
                       nvml.uuid(device, uuid.data(), uuid.size() - 1) == 0 &&
                       nvml.model(device, model.data(), model.size() - 1) == 0;
    if (known) gpus.push_back({uuid.data(), without_blanks(model.data())});
  }
  nvml.shutdown();
  return gpus;
}

}  // namespace fermi
