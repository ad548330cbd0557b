#!/bin/sh
# What `fermi up` says to somebody who starts it: that it ends where there is nothing to wait for, and
# one sentence that names what is in the way where it cannot start.
#   up_test.sh FERMI
set -eu
fermi=$1
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

fail() { echo "up_test: $1; it said: $said"; exit 1; }

said=$(timeout 30 "$fermi" up --data-dir "$work/a" --nodes zone-a=1x1 --port 0 --once 2>&1) ||
  fail "--once without a job did not end well"

# One is up: the second of the same folder, and one that wants its ports.
"$fermi" up --data-dir "$work/a" --nodes zone-a=1x1 --port 0 >"$work/log" 2>&1 &
pid=$!
tries=0
until grep -q Ready. "$work/log"; do
  tries=$((tries + 1)); [ "$tries" -lt 300 ] || { said=$(cat "$work/log"); fail "it did not get ready"; }
  sleep 0.1
done
api=$(sed -n 's#^API server *https://\([^ ]*\).*#\1#p' "$work/log")
metrics=$(sed -n 's#^Metrics *http://\([^/]*\)/.*#\1#p' "$work/log")

said=$("$fermi" up --data-dir "$work/a" --port 0 2>&1) && fail "two are up on one folder"
case $said in *"$work/a/api.db: another process has it open"*) ;; *) fail "wanted the file and why" ;; esac
said=$("$fermi" up --data-dir "$work/b" --port "${api#*:}" 2>&1) && fail "two are up on one port"
case $said in *"$api"*) ;; *) fail "wanted the address of the API server" ;; esac
said=$("$fermi" up --data-dir "$work/b" --port 0 --http-address "$metrics" 2>&1) && fail "two on one port"
case $said in *"$metrics"*) ;; *) fail "wanted the address of the metrics" ;; esac

# Damaged files are made anew where that loses nothing, else named.
kill "$pid"; wait "$pid" 2>/dev/null || true; pid=
for file in admin.token server.key server.crt ca.crt; do head -c 300 /dev/urandom >"$work/a/server/$file"; done
said=$(timeout 30 "$fermi" up --data-dir "$work/a" --nodes zone-a=1x1 --port 0 --once 2>&1) ||
  fail "it did not mend its certificates and token"
rm -f "$work/a/api.db-wal"; head -c 5000 /dev/urandom >"$work/a/api.db"
said=$(timeout 30 "$fermi" up --data-dir "$work/a" --port 0 2>&1) && fail "took noise for a database"
case $said in *"$work/a/api.db"*) ;; *) fail "wanted the name of the file" ;; esac
