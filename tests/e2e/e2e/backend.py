"""What the two backends have in common; embedded.py and cluster.py are the two."""

from __future__ import annotations

import abc
import re
import time
from collections.abc import Callable
from pathlib import Path

from harness.kubectl import Kubectl, KubectlError
from harness.processes import Processes


class BackendError(Exception):
    """The backend did not start or did not come back."""


class Backend(abc.ABC):
    """One Fermi installation for one scenario. Not reused."""

    name: str
    real_processes: bool  # Pods are processes here: logs and leftovers can be checked

    def __init__(self, fermi: Path, kubectl: str, processes: Processes, nodes: str) -> None:
        self.fermi = fermi
        self.processes = processes
        self.nodes = nodes
        self.kubectl = Kubectl(kubectl, processes.folder / "kubeconfig")

    @abc.abstractmethod
    def start(self) -> None:
        """Returns when nodes are ready, the queues exist and Fermi leads."""

    @abc.abstractmethod
    def kill_leader(self, replaced: bool) -> str:
        """kill -9 of the process that decides now, and the restart that a supervisor would give it:
        under its old name (a container that is started again), or, where there are several, as a
        new one (`replaced`: another Pod), so that the others take over. Returns what was done."""

    @abc.abstractmethod
    def http_address(self, leading: bool) -> str:
        """Where the pages (/metrics and the like) are of the process that decides now, or of one
        that stands by. BackendError where there is none."""

    @abc.abstractmethod
    def pod_processes(self) -> list[int]:
        """Living processes that belong to Pods. Empty where Pods are only simulated."""

    @abc.abstractmethod
    def log_names(self) -> list[str]:
        """Logs worth showing when a scenario fails."""

    @abc.abstractmethod
    def check_alive(self) -> None:
        """BackendError if a part of it ended by itself."""

    def in_log(self, name: str, pattern: str) -> str:
        """The first group of the newest match of `pattern` in that log."""
        found = re.findall(pattern, self.processes.log_path(name).read_text(errors="replace"))
        if not found:
            raise BackendError(f"'{pattern}' is nowhere in the log of {name}")
        return str(found[-1])

    def has(self, what: str) -> bool:
        """What `on WHAT` asks: the backend's name, or something that only some of them have."""
        return what == self.name

    def wait_until(self, what: str, ready: Callable[[], bool], timeout_s: float) -> None:
        until = time.monotonic() + timeout_s
        error = ""
        while time.monotonic() < until:
            self.check_alive()
            try:
                if ready():
                    return
            except KubectlError as e:
                error = str(e)
            time.sleep(0.1)
        raise BackendError(f"{what}: not within {timeout_s} s. {error}")

    def queues_exist(self) -> bool:
        return self.kubectl.find("taskqueue", "default") is not None
