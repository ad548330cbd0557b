#!/usr/bin/env bash
# The informer benchmark: N Pods on a real kube-apiserver, and in one run our informer, curl
# downloading the same list, and client-go's informer.
#
# Usage: run.sh BUILD_DIR [--smoke]
#   BUILD_DIR  where bench_informer was built (optimised, or the figures mean nothing)
#   --smoke    2,000 Pods, one round, marks printed but not enforced: does it all still work?
# PODS and ROUNDS override. Exit: 0 marks hold; 1 a mark is missed or something failed; 77 no Go here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "${1:?usage: run.sh BUILD_DIR [--smoke]}" && pwd)
smoke=()
[[ ${2:-} == --smoke ]] && smoke=(--smoke)

# The last line names the program; Go's absence is passed on as 77.
client_go=$("$root/tests/cluster/controlplane/build.sh" informer | tail -n 1)
exec "$root/tests/cluster/up.py" --no-kwok --no-controllers -- \
  python3 "$here/measure.py" --programs "$build/bench/informer" --client-go "$client_go" "${smoke[@]}"
