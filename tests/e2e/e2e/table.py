"""Tables of good and bad objects: a good one, and in each row what is changed and what must follow.

    table trainingjob bad
      good {"framework": "Command", ...}          the spec that all rows start from
      refused "spec.nodes" "-1"   {"nodes": -1}   apply fails, the message holds each text
      waits "no-such-queue"       {...}           accepted, but Accepted=False with each text
      fine                        {...}           accepted, and never Accepted=False for a moment

The change is a JSON merge patch of the spec (null takes a field away); "<N bytes>" in a text stands
for that many letters. A row's object is taken away before the next row.
"""

from __future__ import annotations

import json
import re
import shlex
import time
from dataclasses import dataclass
from typing import Any

from harness.kubectl import Kubectl, KubectlError

from .conditions import lookup
from .scenario import ScenarioError, Statement

API_VERSION = "fermi-cluster.com/v1alpha1"
KINDS = {"trainingjob": "TrainingJob", "taskqueue": "TaskQueue"}
VERDICTS = ("refused", "waits", "fine")


def merge(base: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def expand(text: str) -> str:
    return re.sub(r"<(\d+) bytes>", lambda m: "x" * int(m[1]), text)


@dataclass(frozen=True)
class Row:
    verdict: str
    texts: tuple[str, ...]
    change: str
    spec: Any

    def __str__(self) -> str:
        return f"{self.verdict} {self.change}"

    def run(self, kubectl: Kubectl, kind: str, name: str, patience_s: float) -> str:
        """Returns what is wrong, or nothing."""
        item = {
            "apiVersion": API_VERSION,
            "kind": KINDS[kind],
            "metadata": {"name": name},
            "spec": self.spec,
        }
        try:
            kubectl("create", "-f", "-", stdin=json.dumps(item))
        except KubectlError as error:
            return self._judge_refusal(str(error))
        try:
            return (
                "was accepted at apply"
                if self.verdict == "refused"
                else self._judge(kubectl, kind, name, patience_s)
            )
        finally:
            kubectl("delete", kind, name, "--timeout=20s")

    def _judge_refusal(self, message: str) -> str:
        if self.verdict != "refused":
            return f"was refused: {message}"
        missing = [text for text in self.texts if text.lower() not in message.lower()]
        return f"{missing} is not in: {message[:600]}" if missing else ""

    def _judge(self, kubectl: Kubectl, kind: str, name: str, patience_s: float) -> str:
        wanted = "False" if self.verdict == "waits" else "True"
        until = time.monotonic() + patience_s
        item: Any = {}
        while time.monotonic() < until:
            item = kubectl.get(kind, name)
            if lookup(item, "condition.Accepted") == wanted:
                message = str(lookup(item, "condition.Accepted.message") or "")
                missing = [text for text in self.texts if text.lower() not in message.lower()]
                return f"{missing} is not in: {message}" if missing else ""
            time.sleep(0.1)
        return f"no condition Accepted={wanted} within {patience_s} s; status: {json.dumps(item.get('status', {}))[:600]}"


def parse_table(statement: Statement) -> list[Row]:
    good: Any = None
    rows = []
    for line in statement.text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        head, brace, change = line.partition("{")
        verdict, *texts = shlex.split(head)
        try:
            patch = json.loads(brace + change)
        except ValueError as error:
            raise ScenarioError(f"{statement}: '{line.strip()}': {error}") from error
        if verdict == "good":
            good = patch
        elif verdict in VERDICTS:
            spec = json.loads(expand(json.dumps(merge(good, patch))))
            rows.append(Row(verdict, tuple(texts), (brace + change).strip(), spec))
        else:
            raise ScenarioError(
                f"{statement}: '{verdict}' is no verdict; known are {', '.join(VERDICTS)}"
            )
    return rows
