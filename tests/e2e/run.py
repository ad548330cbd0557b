#!/usr/bin/env python3
"""Runs end-to-end scenarios on one backend.

  run.py --backend embedded --fermi build/dev/operator/fermi [NAME ...]
  run.py --backend cluster  --fermi build/dev/operator/fermi [NAME ...]
  run.py --self-check       checks this program itself; needs no fermi and no Kubernetes

NAME is a scenario's name or a part of it; all are run unless one is given. Every scenario gets an
installation of its own, in a folder of its own, and nothing of it is left when it ends, whatever
the end. Exit codes: 0 all hold, 1 one does not, 77 skipped (no Go and no control plane here).
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cluster")]

from harness.controlplane import BUILD, build_binaries
from harness.kubectl import KubectlError
from harness.processes import Processes

from e2e.backend import Backend, BackendError
from e2e.cluster import Cluster
from e2e.embedded import Embedded
from e2e.monitor import Monitor
from e2e.scenario import Scenario, ScenarioError, load
from e2e.steps import Runner, StepFailed


def main() -> int:
    arguments = parse_arguments()
    if arguments.self_check:
        suite = unittest.defaultTestLoader.discover(str(HERE / "selfcheck"), pattern="*_check.py")
        return 0 if unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful() else 1
    scenarios = [load(path) for path in sorted((HERE / "scenarios").glob("*.scenario"))]
    if arguments.scenario:
        scenarios = [s for s in scenarios if any(part in s.name for part in arguments.scenario)]
    if arguments.list:
        for scenario in scenarios:
            print(f"{scenario.name}: {scenario.promise}")
        return 0
    return run_all(arguments, scenarios)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenario", nargs="*", help="names or parts of names (default: all)")
    parser.add_argument("--backend", choices=["embedded", "cluster"], default="embedded")
    parser.add_argument("--fermi", type=Path, help="the fermi program")
    parser.add_argument("--seed", type=int, help="for random moments (default: a new one, printed)")
    parser.add_argument(
        "--factor", type=float, default=1.0, help="stretch all waiting (slow builds)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folders of the scenarios")
    parser.add_argument(
        "--list", action="store_true", help="print the scenarios and their promises"
    )
    parser.add_argument("--self-check", action="store_true")
    return parser.parse_args()


def run_all(arguments: argparse.Namespace, scenarios: list[Scenario]) -> int:
    if not scenarios:
        print("no such scenario", file=sys.stderr)
        return 1
    if arguments.fermi is None or not arguments.fermi.is_file():
        print(f"--fermi {arguments.fermi}: no such program", file=sys.stderr)
        return 1
    binaries = build_binaries() if arguments.backend == "cluster" else None
    kubectl = str(binaries / "kubectl") if binaries else embedded_kubectl()
    seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 32)
    print(f"{len(scenarios)} scenarios on {arguments.backend}, seed {seed}", flush=True)
    failed = []
    for scenario in scenarios:
        began = time.monotonic()
        error = run_one(arguments, scenario, binaries, kubectl, seed)
        print(
            f"{'FAILED' if error else 'ok    '} {scenario.name} ({time.monotonic() - began:.1f} s)",
            flush=True,
        )
        if error:
            print(f"  promise: {scenario.promise}\n  {error}\n  again: --backend {arguments.backend} "
                  f"--seed {seed} {scenario.name}", flush=True)  # fmt: skip
            failed.append(scenario.name)
    print(
        f"{len(scenarios) - len(failed)} of {len(scenarios)} hold"
        + (f"; not: {', '.join(failed)}" if failed else "")
    )
    return 1 if failed else 0


def run_one(
    arguments: argparse.Namespace,
    scenario: Scenario,
    binaries: Path | None,
    kubectl: str,
    seed: int,
) -> str:
    """Returns what went wrong, or nothing."""
    fermi = arguments.fermi.resolve()
    with Processes(keep_folder=arguments.keep) as processes:
        backend: Backend
        if binaries:
            backend = Cluster(fermi, binaries, processes, scenario.nodes)
        else:
            backend = Embedded(fermi, kubectl, processes, scenario.nodes)
        monitor = Monitor(backend.kubectl)
        try:
            backend.start()
            monitor.start()
            Runner(scenario, backend, monitor, seed, arguments.factor).run()
            return ""
        except (StepFailed, ScenarioError, BackendError, KubectlError) as error:
            return f"{error}\n{world(backend)}"
        finally:
            monitor.stop()


def world(backend: Backend) -> str:
    """What a person would look at next."""
    parts = []
    for words in (["trainingjobs,pods,nodes", "-o", "wide"], ["taskqueues"], ["events"]):
        try:
            lines = backend.kubectl("get", *words).splitlines()
            parts.append(f"--- kubectl get {' '.join(words)}\n" + "\n".join(lines[-40:]))
        except KubectlError as error:
            parts.append(f"--- kubectl get {' '.join(words)}: {error}")
    for name in backend.log_names():
        parts.append(f"--- log of {name}\n{backend.processes.log_tail(name, 25)}")
    return "\n".join(parts)


def embedded_kubectl() -> str:
    """The control plane's own kubectl if it was built, else the machine's."""
    built = subprocess.run([str(BUILD), "--print"], capture_output=True, text=True, check=False)
    path = Path((built.stdout.strip().splitlines() or ["."])[-1]) / "kubectl"
    if path.is_file():
        return str(path)
    found = shutil.which("kubectl")
    if not found:
        raise SystemExit("no kubectl: install one, or run tests/cluster/controlplane/build.sh")
    return found


if __name__ == "__main__":
    sys.exit(main())
