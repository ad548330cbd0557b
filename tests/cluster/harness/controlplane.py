"""etcd, kube-apiserver, kube-controller-manager and kwok on ephemeral loopback ports.

Everything lives in the folder of the run and dies with it (see processes.py). The storage is not
synced to disk: it is for tests only. Ready in about five seconds on two cores.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .kubectl import Kubectl, KubectlError
from .nodes import node_objects
from .processes import Processes

HERE = Path(__file__).resolve().parent.parent
BUILD = HERE / "controlplane" / "build.sh"
SKIPPED = 77


class StartError(Exception):
    """A part of the control plane did not come up; the text has the end of its log."""


def build_binaries() -> Path:
    """Builds (once) and returns the folder with the programs. SystemExit(77): no Go here."""
    done = subprocess.run([str(BUILD)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.returncode)
    return Path(done.stdout.strip().splitlines()[-1])


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; a start that loses the race is tried again."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


@dataclass(frozen=True)
class Options:
    controllers: bool = True  # kube-controller-manager
    kwok: bool = True  # simulated nodes; without it nothing that is bound ever runs
    apiserver_flags: Sequence[str] = ()


class ControlPlane:
    """One control plane. `start` returns when Pods can be created in namespace default."""

    def __init__(self, binaries: Path, processes: Processes, options: Options = Options()) -> None:
        self.binaries = binaries
        self.processes = processes
        self.options = options
        self.folder = processes.folder / "controlplane"
        self.certificates = self.folder / "cert"
        self.admin_kubeconfig = self.folder / "admin.kubeconfig"
        self.port = 0
        self.store_url = ""  # etcd's
        self.token = secrets.token_hex(16)
        self.kubectl = Kubectl(binaries / "kubectl", self.admin_kubeconfig)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The server's self-signed certificate comes with its issuer in one file."""
        return self.certificates / "apiserver.crt"

    def start(self, install: Callable[[], None] = lambda: None, attempts: int = 3) -> None:
        """`install` is called once the server answers, before the controllers start: the garbage
        collector looks for new kinds only every 30 s, so kinds come before it."""
        self._prepare_folder()
        for attempt in range(attempts):
            try:
                self._start_store_and_server()
                break
            except StartError:
                self.processes.stop_all()
                if attempt == attempts - 1:
                    raise
        self.write_kubeconfig(self.admin_kubeconfig, self.token)
        install()
        if self.options.controllers:
            self._start_controller_manager()
        if self.options.kwok:
            self._start_kwok()
        if self.options.controllers:
            self._wait(
                "serviceaccount default",
                lambda: bool(self.kubectl.find("serviceaccount", "default")),
            )

    def add_nodes(self, text: str, timeout_s: float = 30.0) -> None:
        """Makes the Nodes of e.g. "zone-a=2x8,zone-b=3x8"; waits until they are Ready and untainted."""
        nodes = node_objects(text)
        self.kubectl.apply(*nodes)
        if self.options.kwok:
            names = [node["metadata"]["name"] for node in nodes]
            self._wait("nodes ready", lambda: self._nodes_ready(names), timeout_s)

    def write_kubeconfig(self, path: Path, token: str) -> None:
        """A kubeconfig is YAML, and JSON is YAML."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "test",
                    "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)},
                }
            ],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user"}}],
            "current-context": "test",
        }
        path.write_text(json.dumps(config, indent=1))
        path.chmod(0o600)

    def service_account_dir(self, namespace: str, account: str, folder: Path) -> Path:
        """What the kubelet mounts into a Pod of that ServiceAccount: token, ca.crt, namespace."""
        folder.mkdir(parents=True, exist_ok=True)
        token = self.kubectl("create", "token", account, "-n", namespace, "--duration=1h").strip()
        (folder / "ca.crt").write_bytes(self.ca_file.read_bytes())
        (folder / "namespace").write_text(namespace)
        (folder / "token").write_text(token)
        return folder

    def account_kubeconfig(self, namespace: str, account: str, path: Path) -> Path:
        """A kubeconfig with the rights of that ServiceAccount."""
        token = self.kubectl("create", "token", account, "-n", namespace, "--duration=1h").strip()
        self.write_kubeconfig(path, token)
        return path

    def in_cluster_environment(self) -> dict[str, str]:
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.port)}

    # ---------------------------------------------------------------------------- start

    def _prepare_folder(self) -> None:
        self.certificates.mkdir(parents=True)
        (self.folder / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')
        key = self.folder / "service-account.key"
        subprocess.run(
            ["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True
        )
        subprocess.run(
            ["openssl", "rsa", "-in", str(key), "-pubout", "-out", str(key.with_suffix(".pub"))],
            check=True,
            capture_output=True,
        )
        stages = [path.read_text() for path in sorted((HERE / "stages").glob("*.yaml"))]
        (self.folder / "stages.yaml").write_text("\n---\n".join(stages))

    def _start_store_and_server(self) -> None:
        client, peer, self.port = free_ports(3)
        client_url, peer_url = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        self.store_url = client_url
        self.processes.start("etcd", [
            str(self.binaries / "etcd"),
            f"--data-dir={self.folder / f'etcd-{client}'}",
            f"--listen-client-urls={client_url}",
            f"--advertise-client-urls={client_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
            "--unsafe-no-fsync",
            "--log-level=warn",
            "--quota-backend-bytes=4294967296",
        ])  # fmt: skip
        self._wait("etcd", lambda: _answers(client_url + "/readyz"), process="etcd")
        key = self.folder / "service-account.key"
        self.processes.start("kube-apiserver", [
            str(self.binaries / "kube-apiserver"),
            f"--etcd-servers={client_url}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={self.certificates}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key.with_suffix('.pub')}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/16",
            "--allow-privileged=true",
            # Native PodGroups: off by default in this version.
            "--feature-gates=GenericWorkload=true,GangScheduling=true",
            "--runtime-config=scheduling.k8s.io/v1alpha2=true",
            *([] if self.options.controllers else ["--disable-admission-plugins=ServiceAccount"]),
            *self.options.apiserver_flags,
        ])  # fmt: skip
        ready = f"{self.url}/readyz"
        self._wait("kube-apiserver", lambda: _answers(ready, self.token), 60, "kube-apiserver")

    def _start_controller_manager(self) -> None:
        self.processes.start("kube-controller-manager", [
            str(self.binaries / "kube-controller-manager"),
            f"--kubeconfig={self.admin_kubeconfig}",
            f"--service-account-private-key-file={self.folder / 'service-account.key'}",
            f"--root-ca-file={self.ca_file}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=2000",
            "--kube-api-burst=2000",
        ])  # fmt: skip

    def _start_kwok(self) -> None:
        self.processes.start("kwok", [
            str(self.binaries / "kwok"),
            f"--kubeconfig={self.admin_kubeconfig}",
            "--manage-all-nodes=true",
            f"--config={self.folder / 'stages.yaml'}",
            "--node-lease-duration-seconds=40",
            "--node-ip=127.0.0.1",
        ], env={**os.environ, "HOME": str(self.folder)})  # fmt: skip

    # ---------------------------------------------------------------------------- waiting

    def _nodes_ready(self, names: list[str]) -> bool:
        for node in self.kubectl.get("nodes")["items"]:
            if node["metadata"]["name"] not in names:
                continue
            conditions = {c["type"]: c["status"] for c in node["status"].get("conditions", [])}
            if conditions.get("Ready") != "True" or node["spec"].get("taints"):
                return False
        return True

    def _wait(
        self,
        what: str,
        ready: Callable[[], bool],
        timeout_s: float = 30.0,
        process: str | None = None,
    ) -> None:
        until = time.monotonic() + timeout_s
        error = ""
        while time.monotonic() < until:
            if process and not self.processes.running(process):
                raise StartError(f"{process} ended:\n{self.processes.log_tail(process)}")
            try:
                if ready():
                    return
            except KubectlError as e:
                error = str(e)
            time.sleep(0.1)
        tail = self.processes.log_tail(process) if process else error
        raise StartError(f"{what}: not ready within {timeout_s} s\n{tail}")


def _answers(url: str, token: str | None = None) -> bool:
    """Whether GET answers 200. The certificate is not checked: this only asks for life."""
    context = ssl._create_unverified_context() if url.startswith("https") else None
    request = urllib.request.Request(
        url, headers={"Authorization": f"Bearer {token}"} if token else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=2, context=context) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
