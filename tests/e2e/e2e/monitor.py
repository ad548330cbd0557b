"""Watches Pods, jobs and queues during a whole scenario and keeps what must never happen from passing.

Always checked, in every scenario:

1. no Pod of a task exists twice: one name within one task id has one UID for ever;
2. no rank twice: of one task and rank, at most one Pod is bound and alive at a time (a Pod that was
   asked to go does not count);
3. no GPU twice: the Pods on a node never ask for more GPUs than it has;
4. the scenario's own `never` statements.

A watch may break (the server is killed on purpose); it is begun again, and what was seen before
still counts for 1. The watches are kubectl's, one thread each.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from harness.kubectl import Kubectl

from .conditions import Condition

PREFIX = "fermi-cluster.com/"
KINDS = ("pods", "trainingjobs", "taskqueues", "nodes")


def gpus_of(pod: dict[str, Any]) -> int:
    total = 0
    for container in pod["spec"].get("containers", []):
        resources = container.get("resources", {})
        wanted = {**resources.get("limits", {}), **resources.get("requests", {})}
        total += int(wanted.get("nvidia.com/gpu", 0))
    return total


def ended(pod: dict[str, Any]) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def going(pod: dict[str, Any]) -> bool:
    return "deletionTimestamp" in pod["metadata"]


class Rules:
    """The invariants as a function of what was seen: events in, violations out. No I/O."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.forbidden: list[tuple[str, str, Condition]] = []  # kind, name, condition
        self._uid_of: dict[tuple[str, str, str], str] = {}
        self._pods: dict[str, dict[str, Any]] = {}
        self._gpus: dict[str, int] = {}

    def restart(self, kind: str) -> None:
        """A new watch begins with all that exists: forget what existed before."""
        if kind == "pods":
            self._pods.clear()

    def event(self, kind: str, event_type: str, item: dict[str, Any]) -> None:
        name = item["metadata"]["name"]
        if kind == "nodes":
            room = item.get("status", {}).get("allocatable", {})
            self._gpus[name] = int(room.get("nvidia.com/gpu", 0))
        if kind == "pods":
            self._pod_event(event_type, item)
        if event_type != "DELETED":
            for on_kind, on_name, condition in self.forbidden:
                if on_kind == kind and on_name == name and condition.holds(item):
                    self._violation(f"never {on_kind}/{on_name} {condition}: seen")

    def _pod_event(self, event_type: str, pod: dict[str, Any]) -> None:
        uid = pod["metadata"]["uid"]
        if event_type == "DELETED":
            self._pods.pop(uid, None)
            return
        self._pods[uid] = pod
        labels = pod["metadata"].get("labels", {})
        task = labels.get(PREFIX + "task-id")
        if task:
            key = (pod["metadata"]["namespace"], pod["metadata"]["name"], task)
            if self._uid_of.setdefault(key, uid) != uid:
                self._violation(f"Pod {key[0]}/{key[1]} of task {task} was made twice")
            self._check_rank(task, labels.get(PREFIX + "rank", ""), labels)
        if pod["spec"].get("nodeName"):
            self._check_node(pod["spec"]["nodeName"])

    def _alive(self) -> Iterator[dict[str, Any]]:
        return (p for p in self._pods.values() if p["spec"].get("nodeName") and not ended(p))

    def _check_rank(self, task: str, rank: str, own: dict[str, str]) -> None:
        same = [
            p["metadata"]["name"]
            for p in self._alive()
            if not going(p)
            and p["metadata"].get("labels", {}).get(PREFIX + "task-id") == task
            and p["metadata"]["labels"].get(PREFIX + "rank", "") == rank
            and p["metadata"]["labels"].get(PREFIX + "role") == own.get(PREFIX + "role")
        ]
        if rank and len(same) > 1:
            self._violation(
                f"task {task}, rank {rank}: {len(same)} Pods alive at once: {', '.join(sorted(same))}"
            )

    def _check_node(self, node: str) -> None:
        if node not in self._gpus:
            return
        here = [p for p in self._alive() if p["spec"]["nodeName"] == node]
        used = sum(gpus_of(p) for p in here)
        if used > self._gpus[node]:
            names = ", ".join(sorted(p["metadata"]["name"] for p in here))
            self._violation(
                f"node {node} has {self._gpus[node]} GPUs, and {used} are given away: {names}"
            )

    def _violation(self, text: str) -> None:
        if text not in self.violations:
            self.violations.append(text)


class Monitor:
    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self._lock = threading.Lock()
        self._rules = Rules()
        self._stopping = False
        self._watches: dict[str, subprocess.Popen[str]] = {}
        self._threads = [
            threading.Thread(target=self._follow, args=(kind,), daemon=True) for kind in KINDS
        ]
        self.events: dict[str, int] = defaultdict(int)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping = True
        for watch in list(self._watches.values()):
            watch.kill()
        for thread in self._threads:
            if thread.ident is not None:  # the backend may have failed before any began
                thread.join(timeout=5)

    def forbid(self, kind: str, name: str, condition: Condition) -> None:
        with self._lock:
            self._rules.forbidden.append((kind, name, condition))

    def violations(self) -> list[str]:
        with self._lock:
            return list(self._rules.violations)

    def _follow(self, kind: str) -> None:
        while not self._stopping:
            scope = ["-A"] if kind in ("pods", "trainingjobs") else []
            argv = self._kubectl.argv(
                "get", kind, *scope, "--watch", "--output-watch-events", "-o", "json"
            )
            watch = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self._watches[kind] = watch
            with self._lock:
                self._rules.restart(kind)
            for event in _events(watch):
                with self._lock:
                    self.events[kind] += 1
                    self._rules.event(kind, event.get("type", ""), event["object"])
            watch.kill()
            watch.wait()
            if not self._stopping:
                time.sleep(0.3)


def _events(watch: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """kubectl prints each event as indented JSON; a line with a lone brace ends it."""
    assert watch.stdout is not None
    lines: list[str] = []
    for line in watch.stdout:
        lines.append(line)
        if line.rstrip("\n") == "}":
            try:
                event = json.loads("".join(lines))
            except ValueError:
                event = {}
            lines = []
            if isinstance(event.get("object"), dict) and "name" in event["object"].get(
                "metadata", {}
            ):
                yield event
