#!/bin/sh
# The engine reaches no clock, file, socket, thread, log or random source: asked of its object code.
# usage: pure.sh LIBRARY
set -eu
banned='^(clock_gettime|gettimeofday|time|localtime|open|openat|fopen|read|write|socket|connect|pthread_|rand|random|srand|getenv|printf|fprintf|puts|std::(chrono|thread|random|basic_.*stream|cout|cerr|ios|locale|filesystem|mutex|condition))'
found=$(nm -C --undefined-only "$1" | sed -n 's/^ *U //p' | sort -u | grep -E "$banned" || true)
if [ -n "$found" ]; then
  echo "the engine must not use:"
  echo "$found"
  exit 1
fi
[ "$(nm "$1" | wc -l)" -gt 100 ] || { echo "no symbols in $1"; exit 1; }
