"""The `expect` statement: forms, how each looks at the world, and what it says when it does not hold.

    expect KIND/NAME CONDITION ...             all conditions hold for that object
    expect KIND/NAME absent | present
    expect pods of NAME COUNT [STATE] [on zone-a=2,zone-b=3]
    expect zones of NAME zone-a,zone-a,zone-b  the zones of its Pods in the order of their ranks
    expect children of NAME none               no Pod, Service, Secret or ConfigMap of it is left
    expect events of KIND/NAME TEXT            one of its Events says TEXT
    expect logs of NAME rank RANK TEXT         (real processes only) of its newest Pod of that rank
    expect processes none                      (real processes only)
    expect page [of standby] PATH STATUS [TEXT ...]  what the leader's HTTP endpoint answers
    expect metrics CONDITION ...               of its /metrics: see pages.py

Each may end in `within DURATION` (30s unless said). COUNT is a number; STATE is bound, running or
pending; without a state all Pods count that nobody asked to go. NAME is the job's name, or a label
selector such as app=web.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.processes import command_line

from .backend import Backend
from .conditions import parse_condition
from .monitor import PREFIX, ended, going
from .pages import metrics_check, page_check, parse_metric_condition
from .scenario import ScenarioError, Statement, parse_duration

# Returns "" where it holds, else what was seen instead.
Check = Callable[[], str]
CHILD_KINDS = ("pods", "services", "secrets", "configmaps")


def split_within(words: tuple[str, ...]) -> tuple[list[str], float]:
    if len(words) >= 2 and words[-2] == "within":
        return list(words[:-2]), parse_duration(words[-1])
    return list(words), 30.0


def make_check(statement: Statement, words: list[str], backend: Backend) -> Check:
    match words:
        case ["pods", "of", name, count, *rest]:
            return _pods_check(backend, name, int(count), rest)
        case ["zones", "of", name, zones]:
            return lambda: _same(",".join(zones_by_rank(backend, name)), zones)
        case ["children", "of", name, "none"]:
            return lambda: ", ".join(_children(backend, name))
        case ["events", "of", reference, text]:
            return lambda: _events_check(backend, reference, text)
        case ["logs", "of", name, "rank", rank, text]:
            return lambda: _logs_check(backend, name, rank, text)
        case ["processes", "none"]:
            return lambda: "; ".join(
                f"{pid}: {command_line(pid)[:120]}" for pid in backend.pod_processes()
            )
        case ["page", "of", "standby", path, status, *texts]:
            return lambda: _page(backend, False, lambda a: page_check(a, path, int(status), texts))
        case ["page", path, status, *texts]:
            return lambda: _page(backend, True, lambda a: page_check(a, path, int(status), texts))
        case ["metrics", *conditions] if conditions:
            wanted = [parse_metric_condition(text) for text in conditions]
            return lambda: _page(backend, True, lambda a: metrics_check(a, wanted))
        case [reference, *conditions] if "/" in reference and conditions:
            return _object_check(backend, reference, conditions)
    raise ScenarioError(f"{statement}: no known form of expect")


def selector(name: str) -> str:
    return name if "=" in name else f"{PREFIX}name={name}"


def pods_of(backend: Backend, name: str) -> list[dict[str, Any]]:
    return list(backend.kubectl.get("pods", "-l", selector(name))["items"])


def zones_by_rank(backend: Backend, name: str) -> list[str]:
    alive = [p for p in pods_of(backend, name) if not going(p) and p["spec"].get("nodeName")]
    alive.sort(key=lambda p: int(p["metadata"]["labels"].get(PREFIX + "rank", "0")))
    zones = _zones(backend)
    return [zones.get(p["spec"]["nodeName"], "?") for p in alive]


def _zones(backend: Backend) -> dict[str, str]:
    nodes = backend.kubectl.get("nodes")["items"]
    return {
        n["metadata"]["name"]: n["metadata"]["labels"].get("topology.kubernetes.io/zone", "")
        for n in nodes
    }


def _page(backend: Backend, leading: bool, check: Callable[[str], str]) -> str:
    try:
        return check(backend.http_address(leading))
    except OSError as error:
        return str(error)


def _same(seen: str, wanted: str) -> str:
    return "" if seen == wanted else f"seen: {seen or '(nothing)'}"


def _object_check(backend: Backend, reference: str, conditions: list[str]) -> Check:
    def find() -> Any | None:
        return backend.kubectl.find(*reference.split("/", 1))

    if conditions == ["absent"]:
        return lambda: "" if find() is None else "it is still there"
    if conditions == ["present"]:
        return lambda: "" if find() is not None else "it is not there"
    wanted = [parse_condition(text) for text in conditions]

    def check() -> str:
        item = find()
        if item is None:
            return "it is not there"
        failing = [str(c) for c in wanted if not c.holds(item)]
        return f"{', '.join(failing)} does not hold; status: {_brief(item)}" if failing else ""

    return check


def _brief(item: dict[str, Any]) -> str:
    status = item.get("status", {})
    words = [
        f"{key}={status[key]}"
        for key in ("phase", "reason", "message", "queuePosition")
        if status.get(key) is not None
    ]
    for c in status.get("conditions", []):
        words.append(
            f"{c.get('type')}={c.get('status')}({c.get('reason', '')}: {c.get('message', '')})"
        )
    return "; ".join(words) or "(empty)"


def _in_state(pod: dict[str, Any], state: str) -> bool:
    if going(pod):
        return False
    bound = bool(pod["spec"].get("nodeName"))
    match state:
        case "":
            return True
        case "bound":
            return bound and not ended(pod)
        case "running":
            return bound and pod["status"].get("phase") == "Running"
        case "pending":
            return not bound
    raise ScenarioError(f"'{state}' is no state of Pods; known are bound, running, pending")


def _pods_check(backend: Backend, name: str, count: int, rest: list[str]) -> Check:
    state = rest.pop(0) if rest and rest[0] != "on" else ""
    wanted_zones: dict[str, int] = {}
    if rest:
        if len(rest) != 2 or rest[0] != "on":
            raise ScenarioError(f"expect pods: '{' '.join(rest)}' is not 'on ZONE=COUNT,...'")
        wanted_zones = {
            zone: int(n) for zone, n in (part.split("=") for part in rest[1].split(","))
        }

    def check() -> str:
        pods = [p for p in pods_of(backend, name) if _in_state(p, state)]
        if len(pods) != count:
            return f"seen: {len(pods)} {state} Pods"
        if not wanted_zones:
            return ""
        zones = _zones(backend)
        seen: dict[str, int] = {}
        for pod in pods:
            zone = zones.get(pod["spec"].get("nodeName", ""), "nowhere")
            seen[zone] = seen.get(zone, 0) + 1
        return "" if seen == wanted_zones else f"seen: {seen}"

    return check


def _children(backend: Backend, name: str) -> list[str]:
    left = []
    for kind in CHILD_KINDS:
        for item in backend.kubectl.get(kind, "-l", selector(name))["items"]:
            left.append(f"{kind}/{item['metadata']['name']}")
    return left


def _events_check(backend: Backend, reference: str, text: str) -> str:
    name = reference.split("/", 1)[1]
    said = []
    for event in backend.kubectl.get("events")["items"]:
        about = event.get("involvedObject") or event.get("regarding") or {}
        if about.get("name") == name:
            said.append(
                f"{event.get('reason', '')}: {event.get('message') or event.get('note') or ''}"
            )
    if any(text.lower() in line.lower() for line in said):
        return ""
    return "Events: " + ("; ".join(said) or "(none)")


def _logs_check(backend: Backend, name: str, rank: str, text: str) -> str:
    if not backend.real_processes:
        return ""
    pods = [
        p for p in pods_of(backend, name) if p["metadata"]["labels"].get(PREFIX + "rank") == rank
    ]
    if not pods:
        return f"there is no Pod of rank {rank}"
    newest = max(pods, key=lambda p: p["metadata"]["creationTimestamp"])
    logs = backend.kubectl("logs", newest["metadata"]["name"])
    return "" if text in logs else f"log of {len(logs)} bytes, its end: {logs[-300:]!r}"
