#!/bin/sh
# What install-deps says to a user who may not install anything: one sentence with the command.
#   install_deps_test.sh SOURCE_DIR
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
printf '#!/bin/sh\nexit 1\n' >"$work/bin/dpkg-query"
printf '#!/bin/sh\necho "apt-get was run" >&2\n' >"$work/bin/apt-get"
printf '#!/bin/sh\necho 1000\n' >"$work/bin/id"
chmod +x "$work"/bin/*

fail() { echo "install-deps: $1; it said: $said"; exit 1; }

said=$(PATH=$work/bin "$1/install-deps" run 2>&1) && fail "succeeded without rights"
[ "$(printf '%s\n' "$said" | wc -l)" -eq 1 ] || fail "wanted one line"
case $said in *"su -c 'apt-get install"*python3-torch*) ;; *) fail "wanted the command with su" ;; esac

printf '#!/bin/sh\n' >"$work/bin/sudo"
chmod +x "$work/bin/sudo"
said=$(PATH=$work/bin "$1/install-deps" run 2>&1) && fail "succeeded without rights"
case $said in *"sudo apt-get install"*python3-torch*) ;; *) fail "wanted the command with sudo" ;; esac

rm "$work/bin/apt-get"
said=$(PATH=$work/bin "$1/install-deps" run 2>&1) && fail "succeeded without apt-get"
case $said in *"no Debian"*python3-torch*) ;; *) fail "wanted the list of packages" ;; esac

said=$("$1/install-deps" nonsense 2>&1) && fail "took a group that there is not"
case $said in *'got "nonsense"'*) ;; *) fail "wanted the word that was given" ;; esac
