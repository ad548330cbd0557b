#!/usr/bin/env bash
# Builds the real control plane that the cluster tests and the informer benchmark run against, once,
# into a cache folder outside the tree:
#
#   ${XDG_CACHE_HOME:-$HOME/.cache}/fermi/controlplane/<hash of go.sum>/
#     etcd  kube-apiserver  kube-controller-manager  kwok  kubectl
#
# Usage: build.sh [--print] [informer]
#   (nothing)   build what is missing; the last line of stdout is the folder with the binaries
#   --print     build nothing; print the folder, exit 1 if something is missing there
#   informer    build bench/client-go instead; the last line of stdout is the program's path
#
# KUBEBUILDER_ASSETS: a folder with ready-made binaries. Those found there are used as they are and
# only the others are built.
#
# Exit codes: 0 ready; 77 Go is missing and so are binaries (the tests report "skipped"); 1 failure.
# With CI=true a missing Go is a failure: there the tests may not be skipped.
# Two callers at a time are fine: one builds, the other waits for the lock and then finds everything.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
cache=${XDG_CACHE_HOME:-${HOME:?neither XDG_CACHE_HOME nor HOME is set}/.cache}/fermi

if [[ -d ${KUBEBUILDER_ASSETS:-} ]]; then
  KUBEBUILDER_ASSETS=$(cd "$KUBEBUILDER_ASSETS" && pwd)
fi

# Name of the binary and the package it comes from. The versions stand in go.mod alone.
readonly programs=(
  "etcd go.etcd.io/etcd/server/v3"
  "kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver"
  "kubectl k8s.io/kubernetes/cmd/kubectl"
  "kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager"
  "kwok sigs.k8s.io/kwok/cmd/kwok"
)

say() { printf 'controlplane: %s\n' "$*" >&2; }

hash_of() { cat "$@" | sha256sum | cut -c1-16; }

# Go >= 1.21 fetches the toolchain that go.mod asks for by itself; older ones cannot read go.mod.
check_go() {
  local version
  version=$(go env GOVERSION 2>/dev/null || true)
  if [[ $version =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 21)); then return 0; fi
  say "======================================================================"
  say "SKIPPED: no Go >= 1.21 here (found: ${version:-none}), and these are missing: $*"
  say "Install Go, or point KUBEBUILDER_ASSETS at a folder that holds them."
  say "======================================================================"
  [[ ${CI:-} == true ]] && { say "CI=true: this may not be skipped"; exit 1; }
  exit 77
}

# go_build MODULE_DIR OUTPUT PACKAGE [LINKER FLAGS]: builds beside OUTPUT and renames, so that an
# interrupted build never leaves half a binary under the final name.
go_build() {
  local module=$1 output=$2 package=$3 flags="-s -w ${4:-}" began=$SECONDS
  say "building $(basename "$output") ..."
  (cd "$module" && GOWORK=off CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "$flags" -o "$output.part.$$" "$package") >&2
  mv -f "$output.part.$$" "$output"
  say "built $output in $((SECONDS - began)) s"
}

# Without these flags the server calls itself v0.0.0, and clients take it for an ancient one.
version_flags() {
  local version minor
  version=$(sed -n 's|^.*k8s.io/kubernetes \(v[0-9.]*\).*$|\1|p' "$here/go.mod" | head -n 1)
  minor=$(cut -d. -f2 <<<"$version")
  local p=k8s.io/component-base/version
  echo "-X $p.gitVersion=$version -X $p.gitMajor=1 -X $p.gitMinor=$minor"
}

# in_assets NAME: prints the path of a ready-made binary, fails if there is none.
in_assets() {
  [[ -n ${KUBEBUILDER_ASSETS:-} && -x $KUBEBUILDER_ASSETS/$1 ]] && echo "$KUBEBUILDER_ASSETS/$1"
}

missing_programs() {
  local dir=$1 entry
  for entry in "${programs[@]}"; do
    local name=${entry%% *}
    [[ -x $dir/$name ]] || in_assets "$name" >/dev/null || echo "$entry"
  done
}

# With KUBEBUILDER_ASSETS the answer is a folder of links, so that callers need only one folder.
published_dir() {
  local dir=$1 entry
  if [[ -z ${KUBEBUILDER_ASSETS:-} ]]; then echo "$dir"; return; fi
  local links
  links=$dir/assets-$(printf '%s' "$KUBEBUILDER_ASSETS" | sha256sum | cut -c1-8)
  mkdir -p "$links"
  for entry in "${programs[@]}"; do
    local name=${entry%% *}
    ln -sfn "$(in_assets "$name" || echo "$dir/$name")" "$links/$name"
  done
  echo "$links"
}

build_programs() {
  local dir=$1 missing entry
  mapfile -t missing < <(missing_programs "$dir")
  if ((${#missing[@]})); then
    check_go "${missing[@]%% *}"
    say "building ${#missing[@]} programs into $dir; with an empty cache this takes some minutes"
    for entry in "${missing[@]}"; do
      go_build "$here" "$dir/${entry%% *}" "${entry#* }" "$(version_flags)"
    done
  fi
}

main() {
  local mode=build
  [[ ${1:-} == --print ]] && { mode=print; shift; }
  local what=${1:-programs} dir
  case $what in
    programs) dir=$cache/controlplane/$(hash_of "$here/go.sum") ;;
    informer) dir=$cache/client-go/$(hash_of "$root"/bench/client-go/{go.sum,*.go}) ;;
    *) say "unknown: $what"; exit 1 ;;
  esac
  if [[ $mode == build ]]; then
    mkdir -p "$dir"
    exec 9>"$dir/.lock"
    flock 9
  fi
  if [[ $what == informer ]]; then
    if [[ ! -x $dir/informer && $mode == build ]]; then
      check_go informer
      go_build "$root/bench/client-go" "$dir/informer" .
    fi
    echo "$dir/informer"
    [[ -x $dir/informer ]]
    return
  fi
  [[ $mode == build ]] && build_programs "$dir"
  local left
  left=$(missing_programs "$dir")
  [[ $mode == build || -z $left ]] || { echo "$dir"; return 1; }
  published_dir "$dir"
}

main "$@"
