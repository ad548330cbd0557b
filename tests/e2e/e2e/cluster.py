"""A real control plane with simulated nodes; the operator runs twice, in its in-cluster form.

The administrator applies manifests/; then two replicas of `fermi operator --leader-elect` run as
local processes with what a kubelet would give them: KUBERNETES_SERVICE_HOST and _PORT, and a folder
with the token of the ServiceAccount, ca.crt and the namespace. So the rights are those of manifests/.
The Deployment's own Pods stay unscheduled: there is no kube-scheduler here.
"""

from __future__ import annotations

import os
from pathlib import Path

from harness.controlplane import ControlPlane, StartError
from harness.processes import Processes

from .backend import Backend, BackendError

ROOT = Path(__file__).resolve().parents[3]
NAMESPACE, ACCOUNT = "fermi-system", "fermi"
REPLICAS = ("fermi-0", "fermi-1")
LEAD_S = 60.0
# A third of the usual times, so that a kill costs seconds; the relations between them are kept.
LEASE = ("--lease-duration", "5", "--renew-deadline", "3", "--retry-period", "1")


class Cluster(Backend):
    name = "cluster"
    real_processes = False

    def __init__(self, fermi: Path, binaries: Path, processes: Processes, nodes: str) -> None:
        super().__init__(fermi, str(binaries / "kubectl"), processes, nodes)
        self.plane = ControlPlane(binaries, processes)
        self.kubectl = self.plane.kubectl
        self._pod_name = {replica: replica for replica in REPLICAS}
        self._pods_made = 0

    def start(self) -> None:
        try:
            self.plane.start(self._install)
            self.plane.add_nodes(self.nodes)
        except StartError as error:
            raise BackendError(str(error)) from error
        self._credentials = self.plane.service_account_dir(
            NAMESPACE, ACCOUNT, self.plane.folder / "account"
        )
        for replica in REPLICAS:
            self._run(replica)
        self.wait_until("a leader", lambda: self.leader() is not None, LEAD_S)

    def _install(self) -> None:
        self.kubectl("apply", "-k", str(ROOT / "manifests/overlays/default"))
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s")
        self.kubectl("apply", "-k", str(ROOT / "manifests/queues"))

    def kill_leader(self, replaced: bool) -> str:
        """Until somebody has renewed the Lease nothing is promised, so that is waited for."""
        self.wait_until("a leader", lambda: self.leader() is not None, LEAD_S)
        leader = self.leader()
        assert leader is not None
        self.processes.kill(leader)
        left_behind = self._lease()
        if replaced:
            self._pods_made += 1
            self._pod_name[leader] = f"{leader}-{self._pods_made}"
        self._run(leader)
        self.wait_until("the next leader", lambda: self._lease() != left_behind, LEAD_S)
        how = "replaced" if replaced else "started again"
        return f"{leader}; it is {how}, {self._lease()[0]} leads"

    def leader(self) -> str | None:
        """The replica that the Lease names, if it still runs."""
        holder, _ = self._lease()
        for replica, pod_name in self._pod_name.items():
            if pod_name == holder and self.processes.running(replica):
                return replica
        return None

    def http_address(self, leading: bool) -> str:
        leader = self.leader()
        for replica in REPLICAS:
            if (replica == leader) == leading:
                return self.in_log(replica, r"\bhttp=([\d.]+:\d+)")
        raise BackendError("nobody leads just now")

    def pod_processes(self) -> list[int]:
        return []

    def log_names(self) -> list[str]:
        return [*REPLICAS]

    def check_alive(self) -> None:
        for replica in REPLICAS:
            if not self.processes.running(replica):
                raise BackendError(
                    f"{replica} ended by itself:\n{self.processes.log_tail(replica)}"
                )

    def _lease(self) -> tuple[str, str]:
        """(who holds it, when it was renewed last), empty before the first."""
        for lease in self.kubectl.get("leases", "-n", NAMESPACE)["items"]:
            if holder := lease["spec"].get("holderIdentity"):
                return str(holder), str(lease["spec"].get("renewTime"))
        return "", ""

    def _run(self, replica: str) -> None:
        environment = {
            k: v
            for k, v in os.environ.items()
            if k in ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS")
        }
        environment |= self.plane.in_cluster_environment()
        environment |= {
            "HOME": str(self.processes.folder),
            "POD_NAME": self._pod_name[replica],
            "POD_NAMESPACE": NAMESPACE,
            "HOSTNAME": self._pod_name[replica],
        }
        self.processes.start(replica, [
            str(self.fermi), "operator", "--leader-elect",
            "--service-account-dir", str(self._credentials),
            "--http-address", "127.0.0.1:0",
            *LEASE,
        ], env=environment)  # fmt: skip
