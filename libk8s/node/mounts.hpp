// Mounts: a container's view of the file system, in a mount namespace of its own.
//
// The container sees the host's file system with some paths replaced by bind mounts. Where a mount
// point does not exist and must not be made on the host (a root-owned folder, or we are root),
// its nearest existing parent is mirrored: a small tmpfs takes the parent's place, holding every
// entry of the original as a bind mount, and the mount point is made in there. The host is left as
// it was.
//
// For the supervisor, after fork_isolated. Errors are sentences for the Pod's status.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "libk8s/node/records.hpp"

namespace k8s::node {

class MountView {
 public:
  // `scratch`: an empty folder that only this container uses.
  explicit MountView(std::string scratch) : scratch_(std::move(scratch)) {}

  // Cuts the view off from the host's and mounts a /proc for this PID namespace. First.
  Status begin();
  // Mounts all, parents before children.
  Status apply(std::vector<Mount> mounts);

 private:
  Status apply_one(const Mount& mount);
  Status make_target(const std::string& target, bool folder);
  Status make_entry(const std::string& path, bool folder);
  bool may_create_in(const std::string& folder) const;
  Status mirror(const std::string& folder);
  Status mirror_root();

  std::string scratch_;
  std::set<dev_t> mirrors_;           // the tmpfs-es made here
  std::vector<std::string> mounted_;  // targets so far
};

}  // namespace k8s::node
