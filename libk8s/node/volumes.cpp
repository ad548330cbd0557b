#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "libk8s/node/prepare.hpp"

namespace k8s::node {
namespace {

using Kind = VolumeSource::Kind;
namespace fs = std::filesystem;

// A path that stays inside its volume.
bool is_inner_path(const std::string& path) {
  const fs::path p = path;
  return !path.empty() && p.is_relative() && p.lexically_normal() == p && *p.begin() != "..";
}

Status write_entry(const std::string& folder, const std::string& path, const std::string& bytes,
                   int mode) {
  if (!is_inner_path(path)) {
    return {Code::kInvalid, "\"" + path + "\" is not a path inside a volume"};
  }
  const std::string file = folder + "/" + path;
  if (Status bad = make_folders(fs::path(file).parent_path()); !bad) return bad;
  if (Status bad = write_file(file, bytes, Sync::kNone); !bad) return bad;
  return ::chmod(file.c_str(), static_cast<mode_t>(mode) & 0777) == 0
             ? Status::ok()
             : Status(Code::kInternal, errno_text("chmod " + file, errno));
}

Status write_data(const VolumeSource& source, const Objects& objects, const std::string& folder) {
  const bool secret = source.kind == Kind::kSecret;
  const DataObjects& all = secret ? objects.secrets : objects.config_maps;
  const auto found = all.find(source.object);
  if (found == all.end() || !found->second) {
    if (source.optional) return Status::ok();
    return {Code::kNotFound,
            std::string(secret ? "secret" : "configmap") + " \"" + source.object + "\" not found"};
  }
  const StringMap& data = *found->second;
  if (source.items.empty()) {
    for (const auto& [key, bytes] : data) {
      if (Status bad = write_entry(folder, key, bytes, source.mode); !bad) return bad;
    }
  }
  for (const VolumeSource::Item& item : source.items) {
    const auto entry = data.find(item.key);
    if (entry == data.end()) {
      if (source.optional) continue;
      return {Code::kNotFound, "\"" + source.object + "\" has no key \"" + item.key + "\""};
    }
    const int mode = item.mode.value_or(source.mode);
    if (Status bad = write_entry(folder, item.path, entry->second, mode); !bad) return bad;
  }
  return Status::ok();
}

Status write_downward(const Preparation& p, const VolumeSource& source, const std::string& folder) {
  for (const VolumeSource::Item& item : source.items) {
    const Result<std::string> value = resolve_self(item.self, p.pod, nullptr, p.facts);
    if (!value) return value.status();
    const int mode = item.mode.value_or(source.mode);
    if (Status bad = write_entry(folder, item.path, *value, mode); !bad) return bad;
  }
  return Status::ok();
}

Result<std::string> host_path(const VolumeSource& source) {
  const std::string &path = source.path, &type = source.path_type;
  if (!fs::path(path).is_absolute()) {
    return Status(Code::kInvalid, "hostPath \"" + path + "\" is not absolute");
  }
  if (type == "DirectoryOrCreate") {
    if (Status bad = make_folders(path); !bad) return bad;
  } else if (type == "FileOrCreate") {
    const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!file) return Status(Code::kInvalid, errno_text("hostPath " + path, errno));
  }
  std::error_code error;
  const fs::file_status is = fs::status(path, error);
  if (!fs::exists(is)) return Status(Code::kNotFound, "hostPath " + path + " does not exist");
  const bool folder = type == "Directory" || type == "DirectoryOrCreate";
  const bool file = type == "File" || type == "FileOrCreate";
  if ((folder && !fs::is_directory(is)) || (file && !fs::is_regular_file(is))) {
    return Status(Code::kInvalid, "hostPath " + path + " is not of type " + type);
  }
  return path;
}

Status fill(const Preparation& p, const VolumeSource& source, const std::string& folder) {
  return source.kind == Kind::kDownward ? write_downward(p, source, folder)
                                        : write_data(source, p.objects, folder);
}

Result<std::string> prepare_volume(const Preparation& p, const Volume& volume) {
  const std::string own = p.folder + "/volumes/" + volume.name;
  const Kind kind = volume.sources.empty() ? Kind::kEmptyDir : volume.sources.front().kind;
  if (!volume.projected && kind == Kind::kHostPath) return host_path(volume.sources.front());
  if (!volume.projected && kind == Kind::kClaim) {
    const std::string path =
        p.options.data_dir + "/volumes/" + p.pod.meta().ns + "/" + volume.sources.front().object;
    if (Status bad = make_open_folder(path); !bad) return bad;
    return path;
  }
  if (Status bad = make_open_folder(own); !bad) return bad;
  if (!volume.projected && kind == Kind::kEmptyDir) return own;
  for (const VolumeSource& source : volume.sources) {
    if (Status bad = fill(p, source, own); !bad) return bad;
  }
  return own;
}

}  // namespace

Result<VolumePaths> prepare_volumes(const Preparation& p) {
  VolumePaths paths;
  for (const Volume& volume : p.pod.volumes) {
    Result<std::string> path = prepare_volume(p, volume);
    if (!path) {
      return Status(path.status().code(),
                    "volume \"" + volume.name + "\": " + path.status().message());
    }
    paths[volume.name] = std::move(*path);
  }
  return paths;
}

}  // namespace k8s::node
