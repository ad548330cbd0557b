"""The invariants of every scenario, on made-up histories: each is seen to fire, and not to fire."""

import unittest
from typing import Any

from e2e.conditions import parse_condition
from e2e.monitor import Rules


def pod(
    name: str, uid: str, rank: str = "0", node: str = "n", gpus: int = 1, **status: Any
) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": uid,
        "labels": {"fermi-cluster.com/task-id": "t1", "fermi-cluster.com/rank": rank},
    }
    if status.pop("going", False):
        metadata["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    spec = {"containers": [{"resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}]}
    return {
        "metadata": metadata,
        "spec": {**spec, **({"nodeName": node} if node else {})},
        "status": status,
    }


def node(gpus: int) -> dict[str, Any]:
    return {"metadata": {"name": "n"}, "status": {"allocatable": {"nvidia.com/gpu": str(gpus)}}}


class Invariants(unittest.TestCase):
    def setUp(self) -> None:
        self.rules = Rules()
        self.rules.event("nodes", "ADDED", node(gpus=8))

    def see(self, *pods: dict[str, Any]) -> list[str]:
        for item in pods:
            self.rules.event("pods", "MODIFIED", item)
        return self.rules.violations

    def test_an_ordinary_life_breaks_nothing(self) -> None:
        life = [
            pod("j-1-0", "u1", node=""),
            pod("j-1-0", "u1"),
            pod("j-1-0", "u1", phase="Failed"),
            pod("j-2-0", "u2"),
        ]
        self.assertEqual(self.see(*life), [])

    def test_one_name_with_two_uids_is_a_pod_made_twice(self) -> None:
        self.assertIn("made twice", self.see(pod("j-1-0", "u1"), pod("j-1-0", "u2"))[0])

    def test_that_is_remembered_over_a_restart_of_the_watch(self) -> None:
        self.see(pod("j-1-0", "u1"))
        self.rules.restart("pods")
        self.assertIn("made twice", self.see(pod("j-1-0", "u2"))[0])

    def test_two_attempts_of_one_rank_must_not_live_together(self) -> None:
        self.assertIn("rank 0: 2 Pods", self.see(pod("j-1-0", "u1"), pod("j-2-0", "u2"))[0])

    def test_unless_the_older_was_asked_to_go(self) -> None:
        self.assertEqual(self.see(pod("j-1-0", "u1", going=True), pod("j-2-0", "u2")), [])

    def test_a_node_gives_no_gpu_twice(self) -> None:
        self.assertIn(
            "8 GPUs, and 9",
            self.see(pod("j-1-0", "u1", gpus=5), pod("j-1-1", "u2", rank="1", gpus=4))[0],
        )

    def test_a_terminating_pod_still_holds_its_gpus(self) -> None:
        self.assertIn(
            "8 GPUs, and 9",
            self.see(pod("a", "u1", gpus=5, going=True), pod("b", "u2", "1", gpus=4))[0],
        )

    def test_never_is_never(self) -> None:
        self.rules.forbidden.append(("trainingjobs", "x", parse_condition("phase=Failed")))
        self.rules.event(
            "trainingjobs", "MODIFIED", {"metadata": {"name": "x"}, "status": {"phase": "Failed"}}
        )
        self.assertEqual(self.rules.violations, ["never trainingjobs/x phase=Failed: seen"])


if __name__ == "__main__":
    unittest.main()
