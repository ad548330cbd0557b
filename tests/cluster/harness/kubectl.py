"""kubectl as a subprocess: the only way in which the tests talk to an API server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any


class KubectlError(Exception):
    """kubectl ended with an error; the text is what it said on stderr."""


class Kubectl:
    def __init__(self, program: Path | str, kubeconfig: Path, timeout_s: float = 30.0) -> None:
        self.program = str(program)
        self.kubeconfig = kubeconfig
        self.timeout_s = timeout_s

    def argv(self, *arguments: str) -> list[str]:
        return [self.program, "--kubeconfig", str(self.kubeconfig), *arguments]

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Runs kubectl and returns its stdout; KubectlError if it fails or takes too long."""
        try:
            done = subprocess.run(
                self.argv(*arguments),
                input=stdin or "",
                capture_output=True,
                text=True,
                timeout=self.timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise KubectlError(
                f"kubectl {' '.join(arguments)}: no end in {self.timeout_s} s"
            ) from late
        if done.returncode != 0:
            raise KubectlError((done.stderr or done.stdout).strip())
        return done.stdout

    def get(self, *arguments: str) -> Any:
        return json.loads(self("get", "-o", "json", *arguments))

    def find(self, *arguments: str) -> Any | None:
        """Like get, but None where the object is not there."""
        text = self("get", "--ignore-not-found", "-o", "json", *arguments)
        return json.loads(text) if text.strip() else None

    def apply(self, *objects: Any) -> None:
        self(
            "apply",
            "-f",
            "-",
            stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}),
        )
