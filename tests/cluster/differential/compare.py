"""Sends one table of requests to two API servers and compares what they answer.

Objects are compared whole. What a server makes up (uids, versions, times, random endings of names)
is replaced by a word that says so. Of a refusal the code, the reason, what it is about and the
fields that it names with their reasons are compared, not the sentences.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

TYPES = {
    "json": "application/json",
    "yaml": "application/yaml",
    "merge": "application/merge-patch+json",
    "jsonpatch": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PLACE = re.compile(r"\{\{([^:}]+):([^}]+)\}\}")
# "." is the ownership of a list or map itself, which no rule reads; ServiceAccounts are set by a
# plugin that the reference runs without; kubelets write observedGeneration.
LEFT_OUT = {".", "serviceAccount", "serviceAccountName", "f:serviceAccount", "f:serviceAccountName"}
MADE_UP = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "continue"}


@dataclass(frozen=True)
class Step:
    """One request. In path and body, {{NAME:a.b}} is the field a.b of NAME's answer.

    `differs` says why the answers are not alike, for the few that need not be; then both are only
    asked to agree on success or failure."""

    name: str
    method: str
    path: str
    body: Any = None
    type: str = "json"
    differs: str = ""


@dataclass
class Answer:
    code: int
    warnings: list[str]
    body: Any

    def plain(self) -> dict[str, Any]:
        return {"code": self.code, "warnings": sorted(self.warnings), "body": normal(self.body)}


@dataclass
class Server:
    url: str
    token: str
    ca_file: str
    answers: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        context = ssl.create_default_context(cafile=self.ca_file)
        context.check_hostname = False
        address = urlsplit(self.url)
        self._connection = http.client.HTTPSConnection(
            str(address.hostname), address.port, context=context, timeout=30
        )

    def send(self, step: Step) -> Answer:
        path = self._filled(step.path)
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json",
            "User-Agent": "table/1",
        }
        body = None
        if step.body is not None:
            text = step.body if isinstance(step.body, str) else json.dumps(step.body)
            body = self._filled(text).encode()
            headers["Content-Type"] = TYPES.get(step.type, step.type)
        self._connection.request(step.method, path, body, headers)
        response = self._connection.getresponse()
        text = response.read().decode(errors="replace")
        answer = Answer(response.status, response.headers.get_all("Warning") or [], parsed(text))
        self.answers[step.name] = answer
        return answer

    def _filled(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            here: Any = self.answers[match[1]].body
            for part in match[2].split("."):
                here = here[int(part)] if isinstance(here, list) else here.get(part, "")
            return str(here)

        return PLACE.sub(value, text)


def parsed(text: str) -> Any:
    """JSON, the events of a watch (one JSON a line), or else the text."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line]
    except ValueError:
        return text


def normal(value: Any, key: str = "", generated: str = "") -> Any:
    if isinstance(value, dict):
        if value.get("kind") == "Status" and value.get("status") == "Failure":
            return refusal(value)
        generated = value.get("generateName", "")
        result = {k: normal(v, k, generated) for k, v in value.items() if k not in LEFT_OUT}
        # Go writes some empty values and leaves others out; nobody tells them apart.
        return result if key.startswith(("f:", "k:", "fieldsV1")) else without_empty(result)
    if isinstance(value, list):
        if key == "managedFields":
            value = sorted(value, key=lambda m: json.dumps(m, sort_keys=True))
        if key == "items":
            value = [{k: v for k, v in item.items() if k not in ("apiVersion", "kind")} for item in value]
        return [normal(v) for v in value]
    if key in MADE_UP and value:
        return f"<{key}>"
    if isinstance(value, str):
        if key == "name" and generated and value.startswith(generated):
            return generated + "<random>"
        return UID.sub("<uid>", value)
    return value


def without_empty(value: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in value.items() if v not in (None, "", {})}


def refusal(status: dict[str, Any]) -> dict[str, Any]:
    details = status.get("details") or {}
    causes = {(cause.get("reason", ""), place(cause.get("field", ""))) for cause in details.get("causes", [])}
    if status.get("code") == 500 or details.get("group") == "meta.k8s.io":
        details = {}  # nobody thought of it; or options, whose kinds nobody reads
    return {
        "code": status.get("code"),
        "reason": status.get("reason", ""),
        "says something": bool(status.get("message")),
        "about": [details.get("group", ""), details.get("kind", "").split("/")[0].lower().rstrip("s")],
        # The reference adds where it did not try the rules of a schema.
        "causes": sorted(c for c in causes if c[1] != "<nil>" and not c[1].startswith(".")),
    }


def place(path: str) -> str:
    """A CRD of one version is told about as if its parts stood beside the list of versions."""
    path = path.replace("spec.versions[0].schema.", "spec.validation.")
    path = path.replace("spec.versions[0].", "spec.").replace("JSONPath", "jsonPath")
    return re.sub(r"\[([^\]0-9][^\]]*)\]", r".\1", path)


def differences(a: Any, b: Any, path: str = "") -> Iterator[str]:
    """Where `a` (the reference) and `b` differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            where = f"{path}.{key}"
            if key not in b:
                yield f"{where}: missing, wanted {json.dumps(a[key])}"
            elif key not in a:
                yield f"{where}: got {json.dumps(b[key])}, wanted nothing"
            else:
                yield from differences(a[key], b[key], where)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for index, (x, y) in enumerate(zip(a, b)):
            yield from differences(x, y, f"{path}[{index}]")
    elif a != b or type(a) is not type(b):
        yield f"{path}: got {json.dumps(b)}, wanted {json.dumps(a)}"


def judge(step: Step, reference: Answer, ours: Answer) -> list[str]:
    if step.differs or reference.code == 500:
        alike = (reference.code < 400) == (ours.code < 400)
        return [] if alike else [f".code: got {ours.code}, wanted {reference.code}"]
    return list(differences(reference.plain(), ours.plain()))
