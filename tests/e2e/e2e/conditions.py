"""Conditions on one object: PATH OPERATOR VALUE, e.g. phase=Running or .spec.nodes>=2.

PATH is a word (a field of the status), a dotted path from the root (".spec.nodeName", list items as
".a[0]", awkward keys as ".metadata.labels[fermi-cluster.com/queue]"), or condition.TYPE[.FIELD]
(FIELD is status unless named). Operators: = != (text), ~ !~ (contains, without regard to case), >= <=
(numbers).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .scenario import ScenarioError

_FORM = re.compile(
    r"(?P<path>[A-Za-z.](?:[\w.-]|\[[^\]]*\])*?)(?P<operator>!=|>=|<=|!~|=|~)(?P<value>.*)",
    re.DOTALL,
)
_STEP = re.compile(r"\.?([\w-]+)|\[([^\]]*)\]")


@dataclass(frozen=True)
class Condition:
    path: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.path}{self.operator}{self.value}"

    def holds(self, item: Any) -> bool:
        seen = as_text(lookup(item, self.path))
        if self.operator in ("=", "!="):
            return (seen == self.value) == (self.operator == "=")
        if self.operator in ("~", "!~"):
            return (self.value.lower() in seen.lower()) == (self.operator == "~")
        try:
            number, bound = float(seen), float(self.value)
        except ValueError:
            return False
        return number >= bound if self.operator == ">=" else number <= bound


def parse_condition(text: str) -> Condition:
    match = _FORM.fullmatch(text)
    if not match:
        raise ScenarioError(
            f"'{text}' is no condition; wanted is one like phase=Running or .spec.nodes>=2"
        )
    return Condition(match["path"], match["operator"], match["value"])


def as_text(value: Any) -> str:
    """Missing is "", true and false as JSON writes them, everything else as Python prints it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def lookup(item: Any, path: str) -> Any:
    if path.startswith("condition."):
        _, kind, *rest = path.split(".")
        conditions = lookup(item, ".status.conditions") or []
        found: dict[str, Any] = next((c for c in conditions if c.get("type") == kind), {})
        return found.get(rest[0] if rest else "status")
    full = path if path.startswith(".") else f".status.{path}"
    for match in _STEP.finditer(full):
        key = match[1] if match[1] is not None else match[2]
        if isinstance(item, list):
            item = item[int(key)] if key.isdigit() and int(key) < len(item) else None
        elif isinstance(item, dict):
            item = item.get(key)
        else:
            return None
    return item
