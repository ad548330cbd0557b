#!/usr/bin/env python3
"""The embedded API server against kube-apiserver: the same requests, the same answers.

run.py EMBEDDED_SERVER [WORD...]      WORD: show also what both answer to steps with that in the name
Exit 77: no control plane on this machine (see build.sh).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from differential.cases import STEPS
from differential.compare import Server, judge
from harness.controlplane import ControlPlane, Options, build_binaries
from harness.processes import Processes


class Embedded:
    """The embedded server in a folder of its own; it ends with its standard input."""

    def __init__(self, program: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.url = self._process.stdout.readline().split()[1]
        self.token = (folder / "tls" / "admin.token").read_text().strip()
        self.ca_file = folder / "tls" / "ca.crt"

    def __enter__(self) -> Embedded:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


def compare(reference: Server, ours: Server, words: list[str]) -> int:
    failed = 0
    for step in STEPS:
        wanted, got = reference.send(step), ours.send(step)
        found = judge(step, wanted, got)
        failed += bool(found)
        if found:
            print(f"\n{step.name}: {step.method} {step.path} -> {wanted.code} / {got.code}")
            print("\n".join("  " + line[:600] for line in found))
        if any(word in step.name for word in words):
            print(step.name, json.dumps(wanted.plain(), indent=1), json.dumps(got.plain(), indent=1))
    print(f"\n{len(STEPS)} requests, {failed} answered differently")
    return 1 if failed else 0


def main() -> int:
    binaries = build_binaries()
    with Processes() as processes:
        plane = ControlPlane(binaries, processes, Options(controllers=False, kwok=False))
        plane.start()
        with Embedded(sys.argv[1], processes.folder / "embedded") as embedded:
            reference = Server(plane.url, plane.token, str(plane.ca_file))
            ours = Server(embedded.url, embedded.token, str(embedded.ca_file))
            return compare(reference, ours, sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
