"""Fills the cluster of $KUBECONFIG with Pods, then measures the ways of getting them all.

Each round runs curl (protobuf list, from the watch cache), our informer on the same list, our
informer by WatchList (for comparison; servers take longer to send that), and client-go's, one after
the other on an otherwise idle machine. The medians over the rounds are compared with the marks. The
first round warms the server's caches and is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fill import Cluster, fill

ACCEPT = "application/vnd.kubernetes.protobuf"


@dataclass(frozen=True)
class Mark:
    """A promise: `value` (computed from the medians) is at most `limit`."""

    name: str
    value: float
    limit: float

    @property
    def holds(self) -> bool:
        return self.value <= self.limit


def main() -> int:
    arguments = _arguments()
    pods = 2_000 if arguments.smoke else int(os.environ.get("PODS", "100000"))
    rounds = 1 if arguments.smoke else int(os.environ.get("ROUNDS", "3"))
    kubeconfig = os.environ["KUBECONFIG"]
    cluster = _cluster(kubeconfig)
    fill(cluster, pods)
    samples: dict[str, list[dict[str, float]]] = {}
    for number in range(rounds + 1):
        for name, one in _round(arguments, kubeconfig, cluster).items():
            if one.get("pods", pods) != pods:
                print(f"{name} saw {one['pods']} Pods of {pods}", file=sys.stderr)
                return 1
            if number > 0:
                samples.setdefault(name, []).append(one)
    medians = {name: _medians(many) for name, many in samples.items()}
    marks = _marks(medians, pods)
    _print(medians, marks, pods, rounds)
    return 0 if arguments.smoke or all(mark.holds for mark in marks) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--client-go", type=Path, required=True)
    parser.add_argument("--smoke", action="store_true")
    return parser.parse_args()


def _cluster(kubeconfig: str) -> Cluster:
    """The kubeconfig of the test's control plane, which is JSON with a token."""
    config = json.loads(Path(kubeconfig).read_text())
    cluster = config["clusters"][0]["cluster"]
    token = config["users"][0]["user"]["token"]
    etcd = os.environ["ETCD_URL"]
    return Cluster(cluster["server"], cluster["certificate-authority"], token, etcd)


def _round(
    arguments: argparse.Namespace, kubeconfig: str, cluster: Cluster
) -> dict[str, dict[str, float]]:
    ours = str(arguments.programs / "bench_informer")
    return {
        "curl": _curl(cluster),
        "libk8s": _informer([ours], kubeconfig),
        "WatchList": _informer([ours, "--watch-list"], kubeconfig),
        "client-go": _informer([str(arguments.client_go)], kubeconfig),
    }


def _informer(command: list[str], kubeconfig: str) -> dict[str, float]:
    done = subprocess.run(
        [*command, "--kubeconfig", kubeconfig], check=True, stdout=subprocess.PIPE, text=True
    )
    report: dict[str, float] = json.loads(done.stdout)
    return report


def _curl(cluster: Cluster) -> dict[str, float]:
    """The same list as a plain download; its own clock, as the informers use theirs."""
    done = subprocess.run(
        [
            "curl", "--silent", "--show-error", "--fail", "--output", "/dev/null",
            "--cacert", cluster.ca_file, "--noproxy", "*",
            "--header", "@-", "--header", f"Accept: {ACCEPT}",
            "--write-out", '{"syncSeconds": %{time_total}, "bytes": %{size_download}}',
            f"{cluster.server}/api/v1/pods?resourceVersion=0",
        ],
        check=True, input=f"Authorization: Bearer {cluster.token}\n", stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    report: dict[str, float] = json.loads(done.stdout)
    return report


def _medians(samples: list[dict[str, float]]) -> dict[str, float]:
    numeric = [key for key, value in samples[0].items() if isinstance(value, (int, float))]
    return {key: statistics.median(sample[key] for sample in samples) for key in numeric}


def _marks(medians: dict[str, dict[str, float]], pods: int) -> list[Mark]:
    ours, theirs, curl = medians["libk8s"], medians["client-go"], medians["curl"]
    return [
        Mark("time / curl", ours["syncSeconds"] / curl["syncSeconds"], 1.15),
        Mark("CPU / client-go", ours["cpuSeconds"] / theirs["cpuSeconds"], 0.25),
        Mark("live bytes per Pod", ours["bytesPerPod"], 600),
        Mark("peak resident bytes per Pod", ours["peakRssBytes"] / pods, 1500),
    ]


def _print(
    medians: dict[str, dict[str, float]], marks: list[Mark], pods: int, rounds: int
) -> None:
    size = medians["curl"]["bytes"] / 1e6
    print(f"{pods} Pods, {size:.0f} MB of protobuf, medians of {rounds} round(s)")
    print(f"{'':10} {'synced s':>9} {'CPU s':>7} {'live B/Pod':>11} {'peak B/Pod':>11}")
    for name, one in medians.items():
        cells = [f"{one['syncSeconds']:9.2f}"]
        if "cpuSeconds" in one:
            cells.append(f"{one['cpuSeconds']:7.2f}")
            cells.append(f"{one['bytesPerPod']:11.0f}")
            cells.append(f"{one['peakRssBytes'] / pods:11.0f}")
        print(f"{name:10} " + " ".join(cells))
    for mark in marks:
        verdict = "holds" if mark.holds else "MISSED"
        print(f"{mark.name:28} {mark.value:9.3f}  mark {mark.limit:g}: {verdict}")


if __name__ == "__main__":
    sys.exit(main())
