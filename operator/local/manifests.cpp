#include "operator/local/manifests.hpp"

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/yaml.hpp"
#include "operator/local/builtin.hpp"

namespace fermi {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool is_manifest(const fs::path& path) {
  const auto extension = path.extension();
  const bool readable = extension == ".yaml" || extension == ".yml" || extension == ".json";
  return readable && path.stem() != "kustomization";
}

k8s::Status append_file(const fs::path& path, std::vector<json>& out) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return {k8s::Code::kInvalid, path.string() + ": cannot be read"};
  auto documents = k8s::parse_yaml_documents(text.str());
  if (!documents) return {k8s::Code::kInvalid, path.string() + ": " + documents.status().message()};
  for (auto& document : *documents) {
    const bool whole = !k8s::string_at(document, "apiVersion").empty() &&
                       !k8s::string_at(document, "kind").empty() &&
                       !k8s::string_at(k8s::object_at(document, "metadata"), "name").empty();
    if (!whole) {
      return {k8s::Code::kInvalid, path.string() + ": needs apiVersion, kind and metadata.name"};
    }
    out.push_back(std::move(document));
  }
  return k8s::Status::ok();
}

}  // namespace

std::vector<json> builtin_manifests() {
  std::vector<json> all;
  for (const char* text : kBuiltinManifests) {
    auto documents = k8s::parse_yaml_documents(text);
    assert(documents.is_ok() && "the manifests compiled in are tested to be readable");
    for (auto& document : *documents) all.push_back(std::move(document));
  }
  return all;
}

k8s::Result<std::vector<json>> read_manifests(const std::string& path) {
  std::error_code error;
  std::vector<fs::path> files;
  if (fs::is_directory(path, error)) {
    for (const auto& entry : fs::directory_iterator(path, error)) {
      if (is_manifest(entry.path())) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
  } else {
    files.emplace_back(path);
  }
  std::vector<json> documents;
  for (const auto& file : files) {
    if (const auto status = append_file(file, documents); !status.is_ok()) return status;
  }
  if (documents.empty()) return k8s::Status(k8s::Code::kInvalid, path + ": holds no manifest");
  return documents;
}

}  // namespace fermi
