#!/usr/bin/env python3
"""Holds the rendered manifests to what Fermi may do in a cluster, and to what a restricted Pod is.

Renders manifests/overlays/default with kubectl's own kustomize; needs no API server. A rule that is
not in ALLOWED fails: giving Fermi one more right is a decision, and is made here too.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
from harness.controlplane import BUILD

READ = {"get", "list", "watch"}
# (API group, resource) -> verbs, cluster-wide.
ALLOWED: dict[tuple[str, str], set[str]] = {
    ("fermi-cluster.com", "taskqueues"): READ | {"patch", "update"},
    ("fermi-cluster.com", "taskqueues/status"): {"get", "patch", "update"},
    ("fermi-cluster.com", "taskqueues/finalizers"): {"update"},
    ("fermi-cluster.com", "trainingjobs"): READ | {"patch", "update", "delete"},
    ("fermi-cluster.com", "trainingjobs/status"): {"get", "patch", "update"},
    ("fermi-cluster.com", "trainingjobs/finalizers"): {"update"},
    ("", "pods"): READ | {"create", "delete", "patch"},
    ("", "pods/status"): {"patch"},
    ("", "pods/binding"): {"create"},
    ("", "pods/eviction"): {"create"},
    ("policy", "poddisruptionbudgets"): {"list"},
    ("scheduling.k8s.io", "podgroups"): READ,
    ("", "configmaps"): {"get", "create", "update"},
    ("", "nodes"): READ,
    ("", "namespaces"): READ,
    ("", "persistentvolumes"): READ,
    ("", "persistentvolumeclaims"): READ | {"patch"},
    ("", "services"): {"get", "create", "delete"},
    ("", "events"): {"create", "patch", "update"},
    ("events.k8s.io", "events"): {"create", "patch", "update"},
}
# The same within fermi-system.
ALLOWED_AT_HOME: dict[tuple[str, str], set[str]] = {
    ("coordination.k8s.io", "leases"): READ | {"create", "update", "patch"},
    ("", "configmaps"): READ | {"create", "update"},
}


def kubectl() -> str:
    built = subprocess.run([str(BUILD), "--print"], capture_output=True, text=True, check=False)
    path = Path((built.stdout.strip().splitlines() or ["."])[-1]) / "kubectl"
    return str(path) if path.is_file() else (shutil.which("kubectl") or "")


def rendered() -> list[dict[str, Any]]:
    """kubectl prints YAML; a dry run on the client turns it into JSON, but asks a server for new
    kinds. So the YAML is cut into documents and each is turned by `kubectl patch --local`."""
    text = subprocess.run(
        [kubectl(), "kustomize", str(ROOT / "manifests/overlays/default")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    documents = []
    for part in text.split("\n---\n"):
        if "kind: CustomResourceDefinition" in part:
            continue
        done = subprocess.run(
            [kubectl(), "patch", "--local", "-f", "-", "--type=merge", "-p", "{}", "-o", "json"],
            input=part, capture_output=True, text=True, check=True,
        )  # fmt: skip
        documents.append(json.loads(done.stdout))
    return documents


def granted(role: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    rights: dict[tuple[str, str], set[str]] = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                rights.setdefault((group, resource), set()).update(rule["verbs"])
    return rights


class Rights(unittest.TestCase):
    documents: list[dict[str, Any]]

    @classmethod
    def setUpClass(cls) -> None:
        if not kubectl():
            raise unittest.SkipTest("no kubectl here")
        cls.documents = rendered()

    def one(self, kind: str, name: str = "fermi") -> dict[str, Any]:
        found = [d for d in self.documents if d["kind"] == kind and d["metadata"]["name"] == name]
        self.assertEqual(len(found), 1, f"{kind}/{name}")
        return found[0]

    def test_the_cluster_role_is_what_was_decided(self) -> None:
        self.assertEqual(granted(self.one("ClusterRole")), ALLOWED)

    def test_the_role_at_home_is_what_was_decided(self) -> None:
        self.assertEqual(granted(self.one("Role")), ALLOWED_AT_HOME)

    def test_no_rule_holds_a_wildcard_or_a_way_up(self) -> None:
        forbidden = {"*", "escalate", "bind", "impersonate"}
        for document in self.documents:
            for rule in document.get("rules", []):
                words = set(rule["verbs"]) | set(rule["resources"]) | set(rule["apiGroups"])
                self.assertFalse(words & forbidden, rule)
                self.assertNotIn("pods/exec", rule["resources"])
                self.assertNotIn("serviceaccounts/token", rule["resources"])

    def test_only_the_operators_account_is_bound_to_its_roles(self) -> None:
        for kind in ("ClusterRoleBinding", "RoleBinding"):
            subjects = self.one(kind)["subjects"]
            self.assertEqual([(s["kind"], s["name"], s["namespace"]) for s in subjects],
                             [("ServiceAccount", "fermi", "fermi-system")])  # fmt: skip

    def test_the_deployment_is_restricted_probed_and_bounded(self) -> None:
        spec = self.one("Deployment")["spec"]
        pod = spec["template"]["spec"]
        (container,) = pod["containers"]
        self.assertEqual(spec["replicas"], 2)
        self.assertIn("--leader-elect", container["args"])
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
        self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        context = container["securityContext"]
        self.assertEqual(
            (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]), (False, True)
        )
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
        self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/healthz")
        self.assertEqual(container["readinessProbe"]["httpGet"]["path"], "/readyz")
        self.assertTrue(container["resources"]["requests"] and container["resources"]["limits"])

    def test_the_namespace_enforces_the_restricted_standard(self) -> None:
        labels = self.one("Namespace", "fermi-system")["metadata"]["labels"]
        self.assertEqual(labels["pod-security.kubernetes.io/enforce"], "restricted")


if __name__ == "__main__":
    unittest.main()
