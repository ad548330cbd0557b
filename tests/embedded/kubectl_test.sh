#!/usr/bin/env bash
# Runs kubectl's own commands against the embedded API server: with the kubectl on this machine, and
# with the one that the control-plane module has built, where there is one.
#
#   kubectl_test.sh SERVER_BINARY [KUBECTL...]
#
# Every wait is for a condition, with a limit that is far above what a busy machine needs.
# Each step is `check "what it shows" 'a piece of the wanted output' command...`; a failing step
# prints what came instead. Exit 77: no kubectl on this machine.
set -u

server=$1
shift
kubectls=("$@")
if [ ${#kubectls[@]} -eq 0 ]; then
  command -v kubectl >/dev/null && kubectls+=("$(command -v kubectl)")
  for built in "${XDG_CACHE_HOME:-$HOME/.cache}"/fermi/controlplane/*/kubectl; do
    [ -x "$built" ] && kubectls+=("$built")
  done
fi
[ ${#kubectls[@]} -gt 0 ] || { echo "no kubectl on this machine"; exit 77; }

work=$(mktemp -d)
failures=0
steps=0
server_pid=

stop_server() {
  exec 8>&- # the server ends with its standard input
  [ -n "$server_pid" ] && wait "$server_pid"
  server_pid=
}
trap 'stop_server; rm -rf "$work"' EXIT

start_server() { # DATA_DIR
  rm -f "$work/stdin"
  mkfifo "$work/stdin"
  "$server" "$1" <"$work/stdin" >"$work/ready" 2>"$work/errors" &
  server_pid=$!
  exec 8>"$work/stdin"
  local line
  for _ in $(seq 600); do
    line=$(cat "$work/ready")
    [[ $line == ready* ]] && break
    sleep 0.1
  done
  [[ $line == ready* ]] || { echo "the server did not start:"; cat "$work/errors"; exit 1; }
  export KUBECONFIG=$1/kubeconfig KUBECACHEDIR=$1/cache
}

k() { timeout 120 "$kubectl" "$@"; }

# check WHAT WANTED COMMAND...: the output (both streams) must contain WANTED, as plain text.
check() {
  local what=$1 wanted=$2 got
  shift 2
  steps=$((steps + 1))
  got=$("$@" 2>&1)
  if [[ $got != *"$wanted"* ]]; then
    failures=$((failures + 1))
    printf 'FAILED: %s\n  command: %s\n  wanted:  %s\n  got:     %s\n' "$what" "$*" "$wanted" \
      "${got:0:1500}"
  fi
}

widgets() { # the CRD of the tests
  cat <<'YAML'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names:
    {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList, shortNames: [wd],
     categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    - {name: Color, type: string, jsonPath: .spec.color, priority: 1}
    schema:
      openAPIV3Schema:
        type: object
        description: A widget is a thing of a certain size.
        properties:
          spec:
            type: object
            description: What the widget is to be.
            properties:
              size: {type: integer, minimum: 1, default: 3, description: How large it is.}
              replicas: {type: integer}
              color: {type: string}
          status:
            type: object
            properties:
              replicas: {type: integer}
YAML
}

widget() { # NAME SIZE
  printf 'apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: %s}\nspec: {size: %s}\n' \
    "$1" "$2"
}

pod() { # NAME LABEL
  printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: {app: %s}}\n' "$1" "$2"
  printf 'spec: {containers: [{name: main, image: none, command: [sleep, "1"]}]}\n'
}

apply() { k apply "$@" -f -; }

built_in_kinds() {
  check "create a namespace" "namespace/team created" k create namespace team
  check "create from flags" "configmap/a created" k -n team create configmap a --from-literal=color=red
  check "create a secret" "secret/s created" k -n team create secret generic s --from-literal=p=q
  check "get as yaml" "color: red" k -n team get configmap a -o yaml
  check "get as json" '"color": "red"' k -n team get configmap a -o json
  check "get names" "configmap/a" k -n team get cm -o name
  check "apply on the client's side" "pod/p created" apply < <(pod p web)
  check "apply again" "pod/p unchanged" apply < <(pod p web)
  check "apply a change" "pod/p configured" apply < <(pod p api)
  check "get wide" "NOMINATED NODE" k get pods -o wide
  check "get by label" "pod/p" k get pods -l app=api -o name
  check "get by field" "pod/p" k get pods --field-selector=status.phase=Pending -o name
  check "describe" "Image:" k describe pod p
  check "strategic merge patch" "patched" k patch pod p -p '{"metadata":{"labels":{"s":"1"}}}'
  check "merge patch" "patched" k patch pod p --type=merge -p '{"metadata":{"labels":{"m":"1"}}}'
  check "JSON patch" "patched" k patch pod p --type=json \
    -p '[{"op":"add","path":"/metadata/labels/j","value":"1"}]'
  check "all patches are there" "api,j=1,m=1,s=1" k get pod p --show-labels
  check "label" "labeled" k label pod p l=1
  check "annotate" "annotated" k annotate pod p note=hello
  check "wait for a field" "condition met" \
    k wait --for=jsonpath='{.status.phase}'=Pending pod/p --timeout=60s
  check "events" "No events found" k events -n team
  check "diff" "app: web" k diff -f <(pod p web)
  check "server-side dry run" "server dry run" k apply --dry-run=server -f <(pod q web)
  check "nothing came of it" "NotFound" k get pod q
  check "strict validation" 'unknown field "spec.bogus"' apply < <(pod r web | sed 's/spec: {/&bogus: 1, /')
  check "who am I" "admin" k auth whoami
  check "may I" "yes" k auth can-i create pods
  check "delete" 'pod "p" deleted' k delete pod p
  check "delete a namespace" "deleted" k delete namespace team --timeout=60s
  check "its content is gone" "NotFound" k -n team get configmap a
  check "no logs without a node" "no node" k_logs
  check "no Deployments" "doesn't have a resource type" k get deployments
}

k_logs() {
  pod l web | k apply -f - >/dev/null
  k logs l
}

documents() {
  check "api-resources" "widgets" k api-resources --api-group=example.com
  check "api-versions" "coordination.k8s.io/v1" k api-versions
  check "explain a built-in field" "DESCRIPTION" k explain pod.spec.containers
  check "explain a custom field" "How large it is." k explain widget.spec.size
  check "version" "v1.36.3" k version
}

custom_kinds() {
  check "apply a CRD" "created" apply < <(widgets)
  check "wait for the CRD" "condition met" \
    k wait --for=condition=Established crd/widgets.example.com --timeout=60s
  check "apply a custom resource" "widget.example.com/w created" apply < <(widget w 5)
  check "its columns" "SIZE" k get widgets
  check "its wide columns" "COLOR" k get wd -o wide
  check "its category" "widget.example.com/w" k get all
  check "apply a change" "widget.example.com/w configured" apply < <(widget w 6)
  check "a value out of range" "should be greater than or equal to 1" apply < <(widget w 0)
  check "server-side apply" "serverside-applied" apply --server-side < <(widget v 5)
  check "a conflict" "conflict" apply --server-side --field-manager=other < <(widget v 7)
  check "taken by force" "serverside-applied" \
    apply --server-side --field-manager=other --force-conflicts < <(widget v 7)
  check "managed fields" "manager: other" k get wd v -o yaml --show-managed-fields
  check "scale" "scaled" k scale --replicas=4 wd/w
  check "merge patch" "patched" k patch wd w --type=merge -p '{"spec":{"color":"red"}}'
  check "describe" "Color:" k describe wd w
  printf '#!/bin/sh\nsed -i "s/size: 6/size: 9/" "$1"\n' >"$work/editor"
  chmod +x "$work/editor"
  check "edit" "edited" env KUBE_EDITOR="$work/editor" "$kubectl" edit wd w
  check "the edit is there" "9" k get wd w -o jsonpath='{.spec.size}'
  check "replace" "replaced" k replace -f <(k get wd w -o yaml | sed 's/color: red/color: blue/')
  documents
  check "watch" "moved" watched
  check "delete by label" "No resources found" k delete wd -l none=none
  check "delete all" 'widget.example.com "v" deleted' k delete wd --all
  check "delete the CRD" "deleted" k delete crd widgets.example.com --timeout=60s
  check "its type is gone" "could not find the requested resource" k get widgets
}

# Starts a watch, makes and moves an object, and shows what the watch has printed.
watched() {
  timeout 150 "$kubectl" get wd -w -o 'jsonpath={.metadata.name}{" "}{.spec.color}{"\n"}' \
    >"$work/watch" 2>&1 &
  local watcher=$!
  for _ in $(seq 600); do grep -q '^v' "$work/watch" && break; sleep 0.1; done
  k patch wd w --type=merge -p '{"spec":{"color":"moved"}}' >/dev/null
  for _ in $(seq 600); do grep -q moved "$work/watch" && break; sleep 0.1; done
  kill "$watcher" 2>/dev/null
  wait "$watcher" 2>/dev/null
  cat "$work/watch"
}

for kubectl in "${kubectls[@]}"; do
  echo "with $("$kubectl" version --client 2>/dev/null | head -1) ($kubectl)"
  start_server "$work/data-$steps"
  built_in_kinds
  custom_kinds
  stop_server
  if [ -s "$work/errors" ]; then
    echo "the server complained:"
    cat "$work/errors"
  fi
done
echo "$steps steps, $failures failed"
[ "$failures" -eq 0 ]
