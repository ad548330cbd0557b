"""The text form of a scenario and its parser.

A scenario is a file of statements, one per line: a verb and its words, split like a shell does it.
What is indented below a statement is its body: YAML for `apply` and its like, statements for
`repeat`. Lines that start with # and empty lines are for the reader. The first comment block is the
promise that the scenario checks; it is printed when the scenario fails.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

NESTED = {"repeat"}
WITH_TEXT = {"apply", "create", "refused", "table"}
VERBS = NESTED | WITH_TEXT | {
    "annotate", "cordon", "delete", "evict", "expect", "kill", "kubectl", "label", "limit", "never",
    "nodes", "on", "patch", "remember", "taint", "uncordon", "wait",
}  # fmt: skip


class ScenarioError(Exception):
    """The text of a scenario is wrong; says where and what."""


@dataclass(frozen=True)
class Statement:
    line: int
    verb: str
    words: tuple[str, ...]
    text: str = ""
    children: tuple[Statement, ...] = ()

    def __str__(self) -> str:
        return f"line {self.line}: {self.verb} {' '.join(self.words)}"


@dataclass(frozen=True)
class Scenario:
    name: str
    promise: str
    nodes: str
    limit_s: float
    statements: tuple[Statement, ...] = field(repr=False)


def parse_duration(text: str) -> float:
    """ "500ms", "30s", "2m" -> seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text)
    if not match:
        raise ScenarioError(f"'{text}' is no duration; wanted is one like 500ms, 30s or 2m")
    return float(match[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0}[match[2]]


def load(path: Path) -> Scenario:
    return parse(path.stem, path.read_text())


def parse(name: str, text: str) -> Scenario:
    lines = list(enumerate(text.expandtabs().splitlines(), start=1))
    statements = _statements(name, lines)
    by_verb = {s.verb: s for s in statements if s.verb in ("nodes", "limit")}
    if "nodes" not in by_verb or len(by_verb["nodes"].words) != 1:
        raise ScenarioError(f"{name}: one statement 'nodes ZONE=NODESxGPUS,...' is needed")
    limit = parse_duration(by_verb["limit"].words[0]) if "limit" in by_verb else 120.0
    return Scenario(
        name=name,
        promise=_promise(lines),
        nodes=by_verb["nodes"].words[0],
        limit_s=limit,
        statements=tuple(s for s in statements if s.verb not in ("nodes", "limit")),
    )


def _promise(lines: list[tuple[int, str]]) -> str:
    block = []
    for _, line in lines:
        if not line.startswith("#"):
            break
        block.append(line.lstrip("# ").rstrip())
    return " ".join(block)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _statements(name: str, lines: list[tuple[int, str]]) -> list[Statement]:
    """Statements of one level; `lines` are (number in the file, text) of exactly that block."""
    result: list[Statement] = []
    significant = [line for _, line in lines if line.strip() and not line.strip().startswith("#")]
    level = _indent(significant[0]) if significant else 0
    at = 0
    while at < len(lines):
        number, line = lines[at]
        at += 1
        if not line.strip() or (line.strip().startswith("#")):
            continue
        if _indent(line) != level:
            raise ScenarioError(f"{name}:{number}: indented deeper than the statements around it")
        body = []
        while at < len(lines) and (not lines[at][1].strip() or _indent(lines[at][1]) > level):
            body.append(lines[at])
            at += 1
        result.append(_statement(name, number, line, body))
    return result


def _statement(name: str, number: int, line: str, body: list[tuple[int, str]]) -> Statement:
    try:
        verb, *words = shlex.split(line)
    except ValueError as error:
        raise ScenarioError(f"{name}:{number}: {error}") from error
    if verb not in VERBS:
        raise ScenarioError(
            f"{name}:{number}: unknown verb '{verb}'; known are {', '.join(sorted(VERBS))}"
        )
    has_body = any(text.strip() for _, text in body)
    nested = verb in NESTED or (verb == "on" and len(words) == 1)
    if has_body != (nested or verb in WITH_TEXT):
        raise ScenarioError(
            f"{name}:{number}: '{verb}' {'takes no' if has_body else 'needs an'} indented block"
        )
    if nested:
        return Statement(number, verb, tuple(words), children=tuple(_statements(name, body)))
    text = textwrap.dedent("\n".join(t for _, t in body)).strip("\n") + "\n" if has_body else ""
    return Statement(number, verb, tuple(words), text=text)


def substitute(statement: Statement, values: dict[str, str]) -> Statement:
    """Replaces {name} for the names in `values`; other braces are left alone, for YAML has them too."""

    def replace(text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), text)

    return Statement(
        statement.line,
        statement.verb,
        tuple(replace(word) for word in statement.words),
        replace(statement.text),
        statement.children,
    )
