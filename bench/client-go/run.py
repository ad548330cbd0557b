#!/usr/bin/env python3
"""The informer benchmark: one control plane, one list of Pods, three ways to take it in.

  run.py [--pods 100000] [--runs 3] [--informer "build/release/bench/informer_bench ..."]

curl downloads the list as protobuf (resourceVersion=0) and throws it away; client-go's informer and
the program given by --informer sync from the same server. Each runs --runs times, alternating, and
the median counts. --informer is called with `--kubeconfig FILE` added and prints, as its last line,
the JSON that `main.go` prints. The result is JSON on stdout, with each mark and whether it is met.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/cluster"))
from harness.controlplane import BUILD, ControlPlane, Options, build_binaries
from harness.processes import Processes

LIST = "/api/v1/pods?resourceVersion=0"
MARKS = {
    "syncOverCurl": 1.15,
    "cpuOverClientGo": 0.25,
    "liveBytesPerPod": 600,
    "peakBytesPerPod": 1500,
}


def run(argv: list[str]) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, timeout=900).stdout


def curl(plane: ControlPlane) -> dict[str, Any]:
    """The admin's token is in the kubeconfig; curl gets it on stdin, so that no argument shows it."""
    config = json.loads(plane.admin_kubeconfig.read_text())
    token = config["users"][0]["user"]["token"]
    settings = f'header = "Authorization: Bearer {token}"\nheader = "Accept: application/vnd.kubernetes.protobuf"\n'
    argv = ["curl", "-sS", "--fail", "-K", "-", "--cacert", str(plane.ca_file), "-o", "/dev/null"]
    argv += [
        "-w",
        '{"seconds":%{time_total},"firstByte":%{time_starttransfer},"bytes":%{size_download}}',
        plane.url + LIST,
    ]
    done = subprocess.run(
        argv, input=settings, check=True, stdout=subprocess.PIPE, text=True, timeout=900
    )
    return dict(json.loads(done.stdout))


def last_json(output: str) -> dict[str, Any]:
    return dict(json.loads(output.strip().splitlines()[-1]))


def medians(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each number on its own; what is no number is the first run's."""
    return {
        key: statistics.median(s[key] for s in samples)
        if isinstance(value, (int, float))
        else value
        for key, value in samples[0].items()
    }


def measure(plane: ControlPlane, go: str, ours: list[str], runs: int) -> dict[str, Any]:
    kubeconfig = ["--kubeconfig", str(plane.admin_kubeconfig)]
    samples: dict[str, list[dict[str, Any]]] = {"curl": [], "clientGo": []}
    curl(plane)  # fills the server's own caches
    for _ in range(runs):
        samples["curl"].append(curl(plane))
        samples["clientGo"].append(last_json(run([go, *kubeconfig])))
        if ours:
            samples.setdefault("informer", []).append(last_json(run([*ours, *kubeconfig])))
    result: dict[str, Any] = {name: medians(list_) for name, list_ in samples.items()}
    if ours:
        result["marks"] = judge(result)
    return result


def judge(result: dict[str, Any]) -> dict[str, Any]:
    ours, go = result["informer"], result["clientGo"]
    seen = {
        "syncOverCurl": ours["syncSeconds"] / result["curl"]["seconds"],
        "cpuOverClientGo": ours["cpuSeconds"] / go["cpuSeconds"],
        "liveBytesPerPod": ours["liveHeapBytes"] / ours["pods"],
        "peakBytesPerPod": ours["peakRssBytes"] / ours["pods"],
    }
    return {
        key: {"seen": round(seen[key], 3), "mark": MARKS[key], "met": seen[key] <= MARKS[key]}
        for key in MARKS
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pods", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--informer", default="", help="our program with its arguments")
    arguments = parser.parse_args()
    binaries = build_binaries()
    go = run([str(BUILD), "informer"]).strip().splitlines()[-1]
    with Processes() as processes:
        plane = ControlPlane(binaries, processes, Options(controllers=False, kwok=False))
        plane.start()
        began = time.monotonic()
        print(
            run([go, "--kubeconfig", str(plane.admin_kubeconfig), "-fill", str(arguments.pods)]),
            end="",
            file=sys.stderr,
        )
        print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
        result = measure(plane, go, shlex.split(arguments.informer), arguments.runs)
    result["machine"] = {"cpus": os.cpu_count(), "load": os.getloadavg()[0]}
    print(json.dumps(result, indent=1))
    return 0 if all(mark["met"] for mark in result.get("marks", {}).values()) else 1


if __name__ == "__main__":
    sys.exit(main())
