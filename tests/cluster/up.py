#!/usr/bin/env python3
"""Starts a control plane with simulated nodes and serves until Ctrl-C, or runs a command on it.

up.py --nodes zone-a=2x8,zone-b=3x8              prints the kubeconfig's path, serves until Ctrl-C
up.py --no-kwok --no-controllers -- COMMAND ...  runs COMMAND with KUBECONFIG (and ETCD_URL) set, then stops
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness.controlplane import ControlPlane, Options, StartError, build_binaries
from harness.processes import Processes


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", default="", help="e.g. zone-a=2x8,zone-b=3x8")
    parser.add_argument(
        "--no-kwok", action="store_true", help="no simulated nodes: bound Pods never run"
    )
    parser.add_argument("--no-controllers", action="store_true", help="no kube-controller-manager")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and data")
    parser.add_argument(
        "command", nargs="*", help="run this with KUBECONFIG set instead of serving"
    )
    arguments = parser.parse_args()
    binaries = build_binaries()
    began = time.monotonic()
    with Processes(keep_folder=arguments.keep) as processes:
        plane = ControlPlane(
            binaries,
            processes,
            Options(controllers=not arguments.no_controllers, kwok=not arguments.no_kwok),
        )
        try:
            plane.start()
            if arguments.nodes:
                plane.add_nodes(arguments.nodes)
        except StartError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"ready in {time.monotonic() - began:.1f} s", file=sys.stderr)
        return _serve(plane, arguments.command)


def _serve(plane: ControlPlane, command: list[str]) -> int:
    if command:
        environment = {**os.environ, "KUBECONFIG": str(plane.admin_kubeconfig)}
        environment["ETCD_URL"] = plane.store_url
        environment["PATH"] = f"{plane.binaries}:{environment.get('PATH', '')}"
        return subprocess.run(command, env=environment, check=False).returncode
    print(f"export KUBECONFIG={plane.admin_kubeconfig}", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
