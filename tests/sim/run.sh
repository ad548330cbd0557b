#!/usr/bin/env bash
# Runs seeds of the simulation: a minute's worth, or five minutes' where CI=true. The first seed
# comes from the committed tree, so that every change tries others and each can be repeated.
set -u
sim=$1
seconds=${FERMI_SIM_SECONDS:-60}
[ "${CI:-}" = true ] && seconds=${FERMI_SIM_SECONDS:-300}
tree=$(git -C "$(dirname "$0")" rev-parse 'HEAD^{tree}' 2>/dev/null || echo 1)
seed=$((16#${tree:0:7}))
"$sim" --seed "$seed" --seconds "$((seconds * 4 / 5))" || exit 1
"$sim" --crash-sweep --seed "$seed" --seconds "$((seconds / 5))"
