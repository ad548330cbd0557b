"""Carries out the statements of one scenario, one after the other. {root} is the repository.

apply | create            kubectl apply / create of the indented YAML
refused TEXT ...          apply must fail, and the message must hold each TEXT
table KIND NAME           one object after the other, and its verdict: see table.py
delete KIND/NAME          does not wait; `delete pods of NAME` by label
evict pods of NAME [refused TEXT ...]   through the Eviction API, as `kubectl drain` does it
patch KIND/NAME JSON      a merge patch
annotate | label KIND/NAME KEY=VALUE | KEY-
cordon | uncordon NODE, taint NODE KEY=VALUE:EFFECT | KEY-
kubectl WORDS ... [prints TEXT]
expect ...                see expect.py
never KIND/NAME CONDITION must not be seen from here to the end of the scenario
remember KIND/NAME PATH as WORD   later statements may say {WORD}; also `remember pods of NAME ...`,
                          which must have one and the same value there
wait DURATION
kill leader [after LOW..HIGH]     kill -9 at a random moment; it is restarted
repeat COUNT              the indented statements, with {i} counting from 1
on BACKEND STATEMENT      only on that backend: for what the other cannot have; or `on BACKEND`
                          alone, with the statements indented
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

from harness.kubectl import KubectlError

from .backend import Backend, BackendError
from .conditions import as_text, lookup, parse_condition
from .expect import make_check, pods_of, selector, split_within
from .monitor import Monitor, going
from .scenario import Scenario, ScenarioError, Statement, parse_duration, substitute
from .table import parse_table

ROOT = Path(__file__).resolve().parents[3]
POLL_S = 0.2
NO_WAIT = "--wait=false"
PLURALS = {"trainingjob": "trainingjobs", "taskqueue": "taskqueues", "pod": "pods", "node": "nodes"}


class StepFailed(Exception):
    """A statement did not hold. The text says which and what was seen."""


class Runner:
    def __init__(
        self, scenario: Scenario, backend: Backend, monitor: Monitor, seed: int, factor: float
    ) -> None:
        self.scenario = scenario
        self.backend = backend
        self.monitor = monitor
        self.kubectl = backend.kubectl
        self.random = random.Random(f"{seed}/{scenario.name}")
        self.factor = factor  # stretches all waiting, for slow builds
        self.values: dict[str, str] = {"root": str(ROOT)}
        self.until = time.monotonic() + scenario.limit_s * factor
        self._steps: dict[str, Callable[[Statement], None]] = {
            "apply": lambda s: self._quiet("apply", "-f", "-", stdin=s.text),
            "create": lambda s: self._quiet("create", "-f", "-", stdin=s.text),
            "refused": self._refused,
            "table": self._table,
            "delete": self._delete,
            "evict": self._evict,
            "patch": lambda s: self._quiet(
                "patch", *_split(s.words[0]), "--type=merge", "-p", s.words[1]
            ),
            "annotate": lambda s: self._quiet(
                "annotate", "--overwrite", *_split(s.words[0]), *s.words[1:]
            ),
            "label": lambda s: self._quiet(
                "label", "--overwrite", *_split(s.words[0]), *s.words[1:]
            ),
            "cordon": lambda s: self._quiet("cordon", *s.words),
            "uncordon": lambda s: self._quiet("uncordon", *s.words),
            "taint": lambda s: self._quiet("taint", "node", *s.words),
            "kubectl": self._kubectl,
            "expect": self._expect,
            "never": self._never,
            "remember": self._remember,
            "wait": lambda s: time.sleep(parse_duration(s.words[0]) * self.factor),
            "kill": self._kill,
            "repeat": self._repeat,
            "on": self._on,
        }

    def run(self) -> None:
        self._run_all(self.scenario.statements)
        self._check_world(None)

    def _run_all(self, statements: tuple[Statement, ...]) -> None:
        for raw in statements:
            statement = substitute(raw, self.values)
            try:
                self._steps[statement.verb](statement)
            except (KubectlError, BackendError) as error:
                raise StepFailed(f"{statement}\n    {error}") from error
            self._check_world(statement)

    def _check_world(self, statement: Statement | None) -> None:
        violations = self.monitor.violations()
        if violations:
            where = f"at {statement}" if statement else "at the end"
            raise StepFailed(f"broken {where}:\n    " + "\n    ".join(violations))
        if time.monotonic() > self.until:
            raise StepFailed(
                f"the scenario took longer than its limit of {self.scenario.limit_s:.0f} s"
            )

    def _quiet(self, *arguments: str, stdin: str | None = None) -> None:
        self.kubectl(*arguments, stdin=stdin)

    def _refused(self, statement: Statement) -> None:
        try:
            answer = self.kubectl("apply", "-f", "-", stdin=statement.text)
        except KubectlError as error:
            missing = [text for text in statement.words if text.lower() not in str(error).lower()]
            if missing:
                raise StepFailed(
                    f"{statement}\n    refused, but {missing} is not in: {error}"
                ) from error
            return
        raise StepFailed(f"{statement}\n    was accepted: {answer.strip()}")

    def _table(self, statement: Statement) -> None:
        kind, name = statement.words
        wrong = []
        for row in parse_table(statement):
            complaint = row.run(self.kubectl, kind, name, 15 * self.factor)
            if complaint:
                wrong.append(f"row {row}: {complaint}")
            self._check_world(statement)
        if wrong:
            raise StepFailed(f"{statement}\n    " + "\n    ".join(wrong))

    def _delete(self, statement: Statement) -> None:
        if statement.words[:2] == ("pods", "of"):
            self._quiet("delete", "pods", NO_WAIT, "-l", selector(statement.words[2]))
        else:
            self._quiet("delete", NO_WAIT, *_split(statement.words[0]))

    def _evict(self, statement: Statement) -> None:
        match statement.words:
            case ("pods", "of", name, *rest) if not rest or rest[0] == "refused":
                texts = rest[1:]
            case _:
                raise ScenarioError(f"{statement}: wanted is: evict pods of NAME [refused TEXT ...]")
        pods = [pod for pod in pods_of(self.backend, name) if not going(pod)]
        if not pods:
            raise StepFailed(f"{statement}\n    there is no such Pod")
        for pod in pods:
            try:
                self._post_eviction(pod["metadata"]["namespace"], pod["metadata"]["name"])
            except KubectlError as error:
                if not rest or any(text.lower() not in str(error).lower() for text in texts):
                    raise
            else:
                if rest:
                    raise StepFailed(f"{statement}\n    was evicted: {pod['metadata']['name']}")

    def _post_eviction(self, namespace: str, name: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"namespace": namespace, "name": name},
        }
        self._quiet("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))

    def _kubectl(self, statement: Statement) -> None:
        words = list(statement.words)
        texts: list[str] = []
        if "prints" in words:
            at = words.index("prints")
            words, texts = words[:at], words[at + 1 :]
        output = self.kubectl(*words)
        missing = [text for text in texts if text not in output]
        if missing:
            raise StepFailed(f"{statement}\n    {missing} is not in:\n{output}")

    def _expect(self, statement: Statement) -> None:
        words, patience_s = split_within(statement.words)
        check = make_check(statement, words, self.backend)
        began = time.monotonic()
        while True:
            try:
                seen = check()
            except KubectlError as error:
                seen = str(error)
            self.backend.check_alive()
            self._check_world(statement)
            if not seen:
                return
            if time.monotonic() - began > patience_s * self.factor:
                raise StepFailed(
                    f"{statement}\n    not within {patience_s * self.factor:.1f} s: {seen}"
                )
            time.sleep(POLL_S)

    def _never(self, statement: Statement) -> None:
        kind, name = _split(statement.words[0])
        for text in statement.words[1:]:
            self.monitor.forbid(PLURALS.get(kind, kind), name, parse_condition(text))

    def _remember(self, statement: Statement) -> None:
        match statement.words:
            case ("pods", "of", name, path, "as", word):
                values = {as_text(lookup(pod, path)) for pod in pods_of(self.backend, name)}
                value = values.pop() if len(values) == 1 else ""
            case (reference, path, "as", word):
                value = as_text(lookup(self.kubectl.get(*_split(reference)), path))
            case _:
                raise ScenarioError(
                    f"{statement}: wanted is: remember KIND/NAME | pods of NAME PATH as WORD"
                )
        if not value:
            raise StepFailed(f"{statement}\n    there is nothing at {path}")
        self.values[word] = value

    def _kill(self, statement: Statement) -> None:
        match statement.words:
            case ("leader",):
                delay = 0.0
            case ("leader", "after", span) if ".." in span:
                low, high = (parse_duration(part) for part in span.split("..", 1))
                delay = self.random.uniform(low, high)
            case _:
                raise ScenarioError(f"{statement}: wanted is: kill leader [after LOW..HIGH]")
        time.sleep(delay)
        killed = self.backend.kill_leader(replaced=self.random.random() < 0.5)
        print(f"    line {statement.line}: after {delay * 1000:.0f} ms killed {killed}", flush=True)

    def _repeat(self, statement: Statement) -> None:
        for i in range(1, int(statement.words[0]) + 1):
            self.values["i"] = str(i)
            self._run_all(statement.children)

    def _on(self, statement: Statement) -> None:
        what, *rest = statement.words
        if not self.backend.has(what):
            return
        if statement.children:
            self._run_all(statement.children)
        else:
            verb, *words = rest
            inner = Statement(statement.line, verb, tuple(words))
            self._steps[verb](inner)


def _split(reference: str) -> list[str]:
    kind, _, name = reference.partition("/")
    if not name:
        raise ScenarioError(f"'{reference}' is not of the form KIND/NAME")
    return [kind, name]
