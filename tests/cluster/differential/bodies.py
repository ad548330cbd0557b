"""What the requests of the table are made of."""

from __future__ import annotations

import copy
from typing import Any

from .compare import Step

CORE = "/api/v1/namespaces/default"
MAPS = CORE + "/configmaps"
PODS = CORE + "/pods"
GADGETS = "/apis/example.com/v1/namespaces/default/gadgets"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def config_map(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **more}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "example.com/image:1", "command": ["true"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], **spec},
    }


def gadget(name: str, spec: Any = None, **more: Any) -> dict[str, Any]:
    meta = {"name": name, **more}
    result: dict[str, Any] = {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": meta}
    return result if spec is None else {**result, "spec": spec}


GADGET_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 9},
                "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                "label": {"type": "string", "maxLength": 5, "pattern": "^[a-z]*$"},
                "nothing": {"type": "string", "nullable": True},
                "nulled": {"type": "string", "nullable": True, "default": "x"},
                "many": {"type": "array", "maxItems": 2, "items": {"type": "integer"}},
                "any": {"x-kubernetes-int-or-string": True},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "map": {"type": "object", "additionalProperties": {"type": "string"}},
                "empty": {"type": "object", "default": {}, "properties": {
                    "deep": {"type": "integer", "default": 3},
                    "deeper": {"type": "object", "properties": {
                        "deepest": {"type": "boolean", "default": True}}},
                }},
                "keyed": {"type": "array", "x-kubernetes-list-type": "map",
                          "x-kubernetes-list-map-keys": ["key"],
                          "items": {"type": "object", "required": ["key"], "properties": {
                              "key": {"type": "string"}, "value": {"type": "string", "default": "v"}}}},
                "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "low": {"type": "integer", "default": 1}, "high": {"type": "integer", "default": 5},
                "fixed": {"type": "string", "x-kubernetes-validations": [
                    {"rule": "self == oldSelf", "message": "fixed cannot change"}]},
                "when": {"type": "string", "format": "date-time"},
                "number": {"type": "number", "multipleOf": 0.5},
            },
            "x-kubernetes-validations": [
                {"rule": "self.low <= self.high", "message": "low must not be above high"}],
        },
        "status": {"type": "object", "properties": {
            "phase": {"type": "string"}, "replicas": {"type": "integer"}}},
    },
}  # fmt: skip


def crd(plural: str, kind: str, schema: Any = None, **version: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [{
                "name": "v1", "served": True, "storage": True,
                **({"schema": {"openAPIV3Schema": schema}} if schema else {}), **version,
            }],
        },
    }  # fmt: skip


def changed(value: Any, path: str, to: Any) -> Any:
    """A copy of `value` with the field at the dotted path set."""
    result = copy.deepcopy(value)
    here = result
    *parents, last = path.split(".")
    for part in parents:
        here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
    if isinstance(here, list):
        here[int(last)] = to
    else:
        here[last] = to
    return result


def creates(prefix: str, path: str, bodies: dict[str, Any], differs: str = "") -> list[Step]:
    return [Step(f"{prefix} {name}", "POST", path, body, "json", differs) for name, body in bodies.items()]
