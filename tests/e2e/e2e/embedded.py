"""`fermi up`: one process with its own API server; Pods are real processes of this machine."""

from __future__ import annotations

import os
import subprocess

from harness.nodes import parse_nodes
from harness.processes import command_line

from .backend import Backend, BackendError

START_S = 30.0
PATH = "/usr/local/bin:/usr/bin:/bin"  # the distribution's programs, whoever runs the tests


class Embedded(Backend):
    name = "embedded"
    real_processes = True

    def start(self) -> None:
        self._run()
        wanted = sum(count for _, count, _ in parse_nodes(self.nodes))
        self.wait_until(
            "fermi up: nodes", lambda: len(self.kubectl.get("nodes")["items"]) == wanted, START_S
        )
        self.wait_until("fermi up: queues", self.queues_exist, START_S)

    def kill_leader(self, replaced: bool) -> str:
        self.processes.kill("fermi")
        self._run()
        self.wait_until("fermi up after kill -9", self.queues_exist, START_S)
        return "fermi up; it is started again"

    def http_address(self, leading: bool) -> str:
        if not leading:
            raise BackendError("nobody stands by: fermi up is one process")
        return self.in_log("fermi", r"Metrics +http://([\d.]+:\d+)/")

    def has(self, what: str) -> bool:
        if what != "torch":
            return super().has(what)
        probe = ["/bin/sh", "-c", "exec python3 -c 'import torch'"]
        return subprocess.run(probe, env={"PATH": PATH}, capture_output=True).returncode == 0

    def pod_processes(self) -> list[int]:
        own = f"{self.kubectl.program} --kubeconfig {self.kubectl.kubeconfig}"  # our watches
        return [pid for pid in self.processes.leftovers() if not command_line(pid).startswith(own)]

    def log_names(self) -> list[str]:
        return ["fermi"]

    def check_alive(self) -> None:
        if not self.processes.running("fermi"):
            raise BackendError(f"fermi up ended by itself:\n{self.processes.log_tail('fermi')}")

    def _run(self) -> None:
        environment = {
            k: v for k, v in os.environ.items() if k in ("LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS")
        }
        environment |= {"PATH": PATH, "HOME": str(self.processes.folder)}
        self.processes.start("fermi", [
            str(self.fermi), "up",
            "--data-dir", str(self.processes.folder / "data"),
            "--nodes", self.nodes,
            "--port", "0",
            "--kubeconfig", str(self.kubectl.kubeconfig),
        ], env=environment)  # fmt: skip
