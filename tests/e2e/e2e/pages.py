"""The operator's HTTP pages, read as a probe and as Prometheus read them.

A condition on a metric is NAME OPERATOR NUMBER, e.g. fermi_binds_total>=1. A name without labels
stands for the sum over all of them; with labels, written as the page writes them, for that one.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from dataclasses import dataclass

from .scenario import ScenarioError

_SAMPLE = re.compile(r"(?P<name>[A-Za-z_:][\w:]*)(?P<labels>\{.*\})? (?P<value>\S+)(?: \d+)?")
_FORM = re.compile(r"(?P<name>[A-Za-z_:][\w:]*(?:\{.*\})?)(?P<operator>>=|<=|=)(?P<value>[\d.]+)")


@dataclass(frozen=True)
class MetricCondition:
    name: str
    operator: str
    value: float

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{self.value:g}"

    def holds(self, seen: float | None) -> bool:
        if seen is None:
            return False
        if self.operator == "=":
            return seen == self.value
        return seen >= self.value if self.operator == ">=" else seen <= self.value


def parse_metric_condition(text: str) -> MetricCondition:
    match = _FORM.fullmatch(text)
    if not match:
        raise ScenarioError(f"'{text}' is no condition on a metric; wanted is one like x_total>=1")
    return MetricCondition(match["name"], match["operator"], float(match["value"]))


def samples(page: str) -> dict[str, float]:
    """Every sample by its name with labels, and the sum of each name."""
    values: dict[str, float] = {}
    for line in page.splitlines():
        match = _SAMPLE.fullmatch(line)
        if line.startswith("#") or not match:
            continue
        value = float(match["value"])
        values[match["name"]] = values.get(match["name"], 0.0) + value
        if match["labels"]:
            values[match["name"] + match["labels"]] = value
    return values


def read_page(address: str, path: str) -> tuple[int, str]:
    """Status and text; OSError when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def page_check(address: str, path: str, status: int, texts: list[str]) -> str:
    seen, text = read_page(address, path)
    missing = [wanted for wanted in texts if wanted not in text]
    return "" if seen == status and not missing else f"{path} answers {seen}: {text[:300]!r}"


def metrics_check(address: str, conditions: list[MetricCondition]) -> str:
    status, text = read_page(address, "/metrics")
    values = samples(text)
    failing = [
        f"{condition} (seen: {values.get(condition.name)})"
        for condition in conditions
        if not condition.holds(values.get(condition.name))
    ]
    return "" if status == 200 and not failing else f"/metrics, {status}: {', '.join(failing)}"
