"""The table of requests: good and bad, for built-in kinds and custom resources."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
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


CONFIG_MAPS = [
    Step("cm create", "POST", MAPS, config_map("a", data={"k": "v"})),
    Step("cm again", "POST", MAPS, config_map("a")),
    Step("cm get", "GET", MAPS + "/a"),
    Step("cm absent", "GET", MAPS + "/absent"),
    *creates("cm", MAPS, {
        "no name": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}},
        "no metadata": {"apiVersion": "v1", "kind": "ConfigMap"},
        "bad name": config_map("Bad_Name"),
        "long name": config_map("x" * 254),
        "bad key": config_map("b", data={"bad key!": "v"}),
        "key twice": config_map("b", data={"k": "v"}, binaryData={"k": "dg=="}),
        "number for text": config_map("b", data={"k": 1}),
        "list for map": config_map("b", data=["k"]),
        "bad base64": config_map("b", binaryData={"k": "!"}),
        "wrong kind": {**config_map("b"), "kind": "Secret"},
        "wrong version": {**config_map("b"), "apiVersion": "v2"},
        "other group": {**config_map("b"), "apiVersion": "apps/v1"},
        "no kind": {"metadata": {"name": "nokind"}},
        "other namespace": changed(config_map("b"), "metadata.namespace", "elsewhere"),
        "given version": changed(config_map("b"), "metadata.resourceVersion", "5"),
        "given uid": changed(config_map("given-uid"), "metadata.uid", "12345"),
        "bad label": changed(config_map("b"), "metadata.labels", {"a b": "x"}),
        "bad label value": changed(config_map("b"), "metadata.labels", {"a": "x y"}),
        "bad annotation": changed(config_map("b"), "metadata.annotations", {"a b": "x"}),
        "huge annotation": changed(config_map("b"), "metadata.annotations", {"a": "x" * 262145}),
        "bad finalizer": changed(config_map("b"), "metadata.finalizers", ["a b"]),
        "plain finalizer": changed(config_map("b"), "metadata.finalizers", ["plain"]),
        "bad owner": changed(config_map("b"), "metadata.ownerReferences", [{"kind": "Pod"}]),
        "two controllers": changed(config_map("b"), "metadata.ownerReferences", [
            {"apiVersion": "v1", "kind": "Pod", "name": n, "uid": n, "controller": True} for n in "xy"]),
        "unknown field": config_map("unknown", extra=1),
        "generated": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "g-"}},
        "bad generateName": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "G_"}},
        "not json": "{",
        "empty": "",
        "a list": "[]",
        "null": "null",
    }),
    Step("cm strict unknown", "POST", MAPS + "?fieldValidation=Strict", config_map("s", extra=1)),
    Step("cm strict twice", "POST", MAPS + "?fieldValidation=Strict",
         '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"s"},"data":{"a":"1","a":"2"}}'),
    Step("cm warn unknown", "POST", MAPS + "?fieldValidation=Warn", config_map("w", extra=1, more={"a": 1})),
    Step("cm warn twice", "POST", MAPS + "?fieldValidation=Warn",
         '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"w2"},"data":{"a":"1","a":"2"}}'),
    Step("cm ignore unknown", "POST", MAPS + "?fieldValidation=Ignore", config_map("i", extra=1)),
    Step("cm bad validation", "POST", MAPS + "?fieldValidation=Perhaps", config_map("i2")),
    Step("cm dry", "POST", MAPS + "?dryRun=All", config_map("dry")),
    Step("cm dry get", "GET", MAPS + "/dry"),
    Step("cm bad dry", "POST", MAPS + "?dryRun=Some", config_map("dry")),
    Step("cm yaml", "POST", MAPS, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {k: v}\n", "yaml"),
    Step("cm bad type", "POST", MAPS, config_map("t"), "text/plain"),
    Step("cm no namespace", "POST", "/api/v1/namespaces/absent/configmaps", config_map("a")),
    Step("cm all namespaces", "POST", "/api/v1/configmaps", config_map("a")),
    # Replacing.
    Step("cm put", "PUT", MAPS + "/a", config_map("a", data={"k": "w"})),
    Step("cm put absent", "PUT", MAPS + "/absent", config_map("absent")),
    Step("cm put other name", "PUT", MAPS + "/a", config_map("b")),
    Step("cm put no name", "PUT", MAPS + "/a", {"apiVersion": "v1", "kind": "ConfigMap"}),
    Step("cm put stale", "PUT", MAPS + "/a", changed(config_map("a"), "metadata.resourceVersion", "1")),
    Step("cm put bad version", "PUT", MAPS + "/a", changed(config_map("a"), "metadata.resourceVersion", "x")),
    Step("cm put uid", "PUT", MAPS + "/a", changed(config_map("a"), "metadata.uid", "other")),
    Step("cm put created", "PUT", MAPS + "/a",
         changed(config_map("a"), "metadata.creationTimestamp", "2001-01-01T00:00:00Z")),
    Step("cm put good version", "PUT", MAPS + "/a", config_map("a", metadata={
        "name": "a", "resourceVersion": "{{cm put:metadata.resourceVersion}}"})),
    Step("cm immutable", "PUT", MAPS + "/a", config_map("a", data={"k": "w"}, immutable=True)),
    Step("cm change immutable", "PUT", MAPS + "/a", config_map("a", data={"k": "x"}, immutable=True)),
    Step("cm make mutable", "PUT", MAPS + "/a", config_map("a", data={"k": "w"})),
    Step("cm post to one", "POST", MAPS + "/a", config_map("a")),
    Step("cm bad subresource", "GET", MAPS + "/a/status"),
    Step("cm bad verb", "OPTIONS", MAPS + "/a"),
]  # fmt: skip

PATCHES = [
    Step("p create", "POST", MAPS, config_map("p", data={"a": "1", "b": "2"})),
    Step("p merge", "PATCH", MAPS + "/p", {"data": {"a": None, "c": "3"}}, "merge"),
    Step("p merge same", "PATCH", MAPS + "/p", {"data": {"c": "3"}}, "merge"),
    Step("p merge type", "PATCH", MAPS + "/p", {"data": {"a": 1}}, "merge"),
    Step("p merge name", "PATCH", MAPS + "/p", {"metadata": {"name": "q"}}, "merge"),
    Step("p merge kind", "PATCH", MAPS + "/p", {"kind": "Secret"}, "merge"),
    Step("p merge uid", "PATCH", MAPS + "/p", {"metadata": {"uid": "x"}}, "merge"),
    Step("p merge stale", "PATCH", MAPS + "/p", {"metadata": {"resourceVersion": "1"}}, "merge"),
    Step("p merge list", "PATCH", MAPS + "/p", "[]", "merge"),
    Step("p merge broken", "PATCH", MAPS + "/p", "{", "merge"),
    Step("p merge null", "PATCH", MAPS + "/p", "null", "merge"),
    Step("p merge unknown", "PATCH", MAPS + "/p", {"extra": 1}, "merge"),
    Step("p merge strict", "PATCH", MAPS + "/p?fieldValidation=Strict", {"extra": 1}, "merge"),
    Step("p merge absent", "PATCH", MAPS + "/absent", {"data": {}}, "merge"),
    Step("p json", "PATCH", MAPS + "/p", [{"op": "add", "path": "/data/d", "value": "4"}], "jsonpatch"),
    Step("p json test", "PATCH", MAPS + "/p", [{"op": "test", "path": "/data/d", "value": "5"}], "jsonpatch"),
    Step("p json absent", "PATCH", MAPS + "/p", [{"op": "remove", "path": "/data/x"}], "jsonpatch"),
    Step("p json bad op", "PATCH", MAPS + "/p", [{"op": "make", "path": "/data/x"}], "jsonpatch"),
    Step("p json object", "PATCH", MAPS + "/p", {"op": "add"}, "jsonpatch"),
    Step("p json move", "PATCH", MAPS + "/p", [{"op": "move", "from": "/data/d", "path": "/data/e"}], "jsonpatch"),
    Step("p json copy", "PATCH", MAPS + "/p", [{"op": "copy", "from": "/data/e", "path": "/data/f"}], "jsonpatch"),
    Step("p json deep", "PATCH", MAPS + "/p", [{"op": "add", "path": "/x/y", "value": 1}], "jsonpatch"),
    Step("p strategic", "PATCH", MAPS + "/p", {"data": {"e": None, "g": "7"}}, "strategic"),
    Step("p strategic replace", "PATCH", MAPS + "/p", {"data": {"$patch": "replace", "z": "1"}}, "strategic"),
    Step("p strategic bad", "PATCH", MAPS + "/p", {"data": {"$patch": "make"}}, "strategic"),
    Step("p unknown type", "PATCH", MAPS + "/p", {"data": {}}, "application/json"),
    Step("p dry", "PATCH", MAPS + "/p?dryRun=All", {"data": {"dry": "1"}}, "merge"),
    Step("p end", "GET", MAPS + "/p"),
    Step("pod patch base", "POST", PODS, changed(pod("sp"), "spec.tolerations", [{"key": "a", "operator": "Exists"}])),
    Step("pod patch image", "PATCH", PODS + "/sp",
         {"spec": {"containers": [{"name": "main", "image": "other:2"}]}}, "strategic"),
    Step("pod patch add container", "PATCH", PODS + "/sp",
         {"spec": {"containers": [{"name": "more", "image": "x"}]}}, "strategic"),
    Step("pod patch toleration", "PATCH", PODS + "/sp",
         {"spec": {"tolerations": [{"key": "b", "operator": "Exists"}]}}, "strategic"),
    Step("pod patch no key", "PATCH", PODS + "/sp", {"spec": {"containers": [{"image": "x"}]}}, "strategic"),
    Step("pod patch node", "PATCH", PODS + "/sp", {"spec": {"nodeName": "n"}}, "merge"),
    Step("pod patch delete list", "PATCH", PODS + "/sp",
         {"metadata": {"finalizers": ["example.com/a"]}}, "strategic"),
    Step("pod patch finalizer gone", "PATCH", PODS + "/sp",
         {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}}, "strategic"),
]  # fmt: skip


def applied(name: str, **data: str) -> str:
    return json.dumps(config_map(name, data=data))


APPLY = [
    Step("ssa create", "PATCH", MAPS + "/s1?fieldManager=one", applied("s1", a="1", b="1"), "apply"),
    Step("ssa same", "PATCH", MAPS + "/s1?fieldManager=one", applied("s1", a="1", b="1"), "apply"),
    Step("ssa other conflict", "PATCH", MAPS + "/s1?fieldManager=two", applied("s1", a="2", c="2"), "apply"),
    Step("ssa other agree", "PATCH", MAPS + "/s1?fieldManager=two", applied("s1", a="1", c="2"), "apply"),
    Step("ssa force", "PATCH", MAPS + "/s1?fieldManager=two&force=true", applied("s1", a="2", c="2"), "apply"),
    Step("ssa drop", "PATCH", MAPS + "/s1?fieldManager=one", applied("s1", b="1"), "apply"),
    Step("ssa drop all", "PATCH", MAPS + "/s1?fieldManager=two", json.dumps(config_map("s1")), "apply"),
    Step("ssa no manager", "PATCH", MAPS + "/s1", applied("s1", a="1"), "apply"),
    Step("ssa managedFields", "PATCH", MAPS + "/s1?fieldManager=one",
         json.dumps(changed(config_map("s1"), "metadata.managedFields", [{"manager": "x"}])), "apply"),
    Step("ssa other name", "PATCH", MAPS + "/s1?fieldManager=one", applied("s2", a="1"), "apply"),
    Step("ssa no kind", "PATCH", MAPS + "/s1?fieldManager=one", '{"data":{"a":"1"}}', "apply"),
    Step("ssa version", "PATCH", MAPS + "/s1?fieldManager=one",
         json.dumps(changed(config_map("s1"), "metadata.resourceVersion", "1")), "apply"),
    Step("ssa unknown field", "PATCH", MAPS + "/s1?fieldManager=one",
         json.dumps(config_map("s1", extra=1)), "apply"),
    Step("ssa broken", "PATCH", MAPS + "/s1?fieldManager=one", "{a", "apply"),
    Step("ssa dry create", "PATCH", MAPS + "/sdry?fieldManager=one&dryRun=All", applied("sdry", a="1"), "apply"),
    Step("ssa dry absent", "GET", MAPS + "/sdry"),
    Step("ssa put then", "PUT", MAPS + "/s1?fieldManager=three", config_map("s1", data={"b": "3"})),
    Step("ssa conflict with update", "PATCH", MAPS + "/s1?fieldManager=one", applied("s1", b="1"), "apply"),
    Step("force without apply", "PATCH", MAPS + "/s1?force=true", {"data": {}}, "merge"),
    Step("ssa pod", "PATCH", PODS + "/ap?fieldManager=one", json.dumps(pod("ap")), "apply"),
    Step("ssa pod labels", "PATCH", PODS + "/ap?fieldManager=two",
         json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ap", "labels": {"a": "b"}}}), "apply"),
    Step("ssa pod env conflict", "PATCH", PODS + "/ap?fieldManager=two", json.dumps(
        changed(pod("ap"), "spec.containers.0.image", "other:1")), "apply"),
    Step("long manager", "POST", MAPS + "?fieldManager=" + "x" * 129, config_map("lm")),
    Step("custom ssa", "PATCH", GADGETS + "/sg?fieldManager=one",
         json.dumps(gadget("sg", {"size": 1, "keyed": [{"key": "a", "value": "1"}], "set": ["x"]})), "apply"),
    Step("custom ssa order", "PATCH", GADGETS + "/so?fieldManager=one",
         json.dumps(gadget("so", {"size": 1, "set": ["a", "b", "e"]})), "apply"),
    Step("custom ssa order new", "PATCH", GADGETS + "/so?fieldManager=two",
         json.dumps(gadget("so", {"size": 1, "set": ["c", "b", "d", "e"]})), "apply"),
    Step("custom ssa order turned", "PATCH", GADGETS + "/so?fieldManager=two",
         json.dumps(gadget("so", {"size": 1, "set": ["e", "c", "b"]})), "apply"),
    Step("custom ssa other", "PATCH", GADGETS + "/sg?fieldManager=two",
         json.dumps(gadget("sg", {"size": 1, "keyed": [{"key": "b"}], "set": ["y"]})), "apply"),
    Step("custom ssa conflict", "PATCH", GADGETS + "/sg?fieldManager=two",
         json.dumps(gadget("sg", {"size": 2, "keyed": [{"key": "a", "value": "9"}]})), "apply"),
    Step("custom ssa drop", "PATCH", GADGETS + "/sg?fieldManager=one",
         json.dumps(gadget("sg", {"size": 1})), "apply"),
    Step("custom ssa keys twice", "PATCH", GADGETS + "/sg?fieldManager=one",
         json.dumps(gadget("sg", {"size": 1, "keyed": [{"key": "a"}, {"key": "a"}]})), "apply"),
    Step("custom ssa unknown", "PATCH", GADGETS + "/sg?fieldManager=one",
         json.dumps(gadget("sg", {"size": 1, "extra": 1})), "apply"),
    Step("custom ssa bad", "PATCH", GADGETS + "/sg?fieldManager=one",
         json.dumps(gadget("sg", {"size": "many"})), "apply"),
    Step("custom ssa status", "PATCH", GADGETS + "/sg/status?fieldManager=st",
         json.dumps({**gadget("sg"), "status": {"phase": "Up"}}), "apply"),
]  # fmt: skip

DEFINITIONS = [
    Step("crd create", "POST", CRDS, crd("gadgets", "Gadget", GADGET_SCHEMA, subresources={
        "status": {}, "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.replicas"}},
        additionalPrinterColumns=[{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
        selectableFields=[{"jsonPath": ".spec.color"}]),
        differs="conditions appear at once here"),
    *creates("bad crd", CRDS, {
        "no schema": crd("as", "A"),
        "no type": crd("as", "A", {"properties": {"spec": {"type": "object"}}}),
        "default empty without type": crd("as", "A", {"type": "object", "properties": {
            "spec": {"default": {}}}}),
        "bad default": crd("as", "A", {"type": "object", "properties": {
            "n": {"type": "integer", "minimum": 3, "default": 1}}}),
        "default of wrong type": crd("as", "A", {"type": "object", "properties": {
            "n": {"type": "integer", "default": "x"}}}),
        "default unknown field": crd("as", "A", {"type": "object", "properties": {
            "o": {"type": "object", "default": {"x": 1}, "properties": {"y": {"type": "integer"}}}}}),
        "required missing in default": crd("as", "A", {"type": "object", "properties": {
            "o": {"type": "object", "default": {}, "required": ["y"], "properties": {"y": {"type": "integer"}}}}}),
        "map list without keys": crd("as", "A", {"type": "object", "properties": {
            "l": {"type": "array", "x-kubernetes-list-type": "map", "items": {"type": "object"}}}}),
        "map list key without default": crd("as", "A", {"type": "object", "properties": {
            "l": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                  "items": {"type": "object", "properties": {"k": {"type": "string"}}}}}}),
        "array without items": crd("as", "A", {"type": "object", "properties": {"l": {"type": "array"}}}),
        "bad type": crd("as", "A", {"type": "object", "properties": {"l": {"type": "word"}}}),
        "bad pattern": crd("as", "A", {"type": "object", "properties": {"l": {"type": "string", "pattern": "("}}}),
        "root string": crd("as", "A", {"type": "string"}),
        "rule wrong": crd("as", "A", {"type": "object", "properties": {"a": {
            "type": "integer", "x-kubernetes-validations": [{"rule": "self +"}]}}}),
        "rule not bool": crd("as", "A", {"type": "object", "properties": {"a": {
            "type": "integer", "x-kubernetes-validations": [{"rule": "self + 1"}]}}}),
        "rule unknown field": crd("as", "A", {"type": "object", "x-kubernetes-validations": [
            {"rule": "self.absent == 1"}], "properties": {"a": {"type": "integer"}}}),
        "wrong name": changed(crd("as", "A", {"type": "object"}), "metadata.name", "bs.example.com"),
        "no versions": changed(crd("as", "A", {"type": "object"}), "spec.versions", []),
        "no storage": crd("as", "A", {"type": "object"}, storage=False),
        "bad scope": changed(crd("as", "A", {"type": "object"}), "spec.scope", "Everywhere"),
        "bad plural": changed(crd("as", "A", {"type": "object"}), "spec.names.plural", "As"),
        "bad column": crd("as", "A", {"type": "object"},
                          additionalPrinterColumns=[{"name": "a", "type": "word", "jsonPath": "x"}]),
        "bad scale": crd("as", "A", {"type": "object"}, subresources={"scale": {
            "specReplicasPath": "size", "statusReplicasPath": ".status.r"}}),
        "protected group": changed(crd("as", "A", {"type": "object"}), "metadata.name", "as.k8s.io"),
        "metadata": crd("ds", "D", {"type": "object", "properties": {"metadata": {"type": "object",
            "properties": {"labels": {"type": "object"}}}}}),
    }),
    *creates("crd", CRDS, {
        "default null": crd("as", "A", {"type": "object", "properties": {
            "n": {"type": "integer", "default": None}}}),
        "preserve at root": crd("frees", "Free", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        "unknown field": crd("bs", "B", {"type": "object", "extra": True}),
        "metadata schema": crd("cs", "C", {"type": "object", "properties": {"metadata": {"type": "object",
            "properties": {"name": {"type": "string", "maxLength": 3}}}}}),
        "exclusive": crd("es", "E", {"type": "object", "properties": {
            "a": {"type": "integer", "minimum": 1, "exclusiveMinimum": True}}}),
    }, differs="conditions appear at once here"),
]  # fmt: skip

GADGET_BODIES: dict[str, Any] = {
    "good": gadget("a", {"size": 3}),
    "all": gadget("all", {"size": 3, "color": "blue", "label": "abc", "many": [1], "any": "5%", "free": {"x": {"y": 1}},
                          "map": {"a": "b"}, "keyed": [{"key": "a"}], "set": ["a"], "fixed": "f",
                          "when": "2026-01-01T00:00:00Z", "number": 1.5, "low": 2, "high": 2}),
    "no spec": gadget("b"),
    "null spec": {**gadget("b"), "spec": None},
    "text spec": gadget("b", "text"),
    "no size": gadget("b", {}),
    "size text": gadget("b", {"size": "3"}),
    "size float": gadget("b", {"size": 3.5}),
    "size zero": gadget("b", {"size": 0}),
    "size ten": gadget("b", {"size": 10}),
    "size huge": gadget("b", {"size": 2**40}),
    "size beyond": '{"apiVersion":"example.com/v1","kind":"Gadget","metadata":{"name":"b"},"spec":{"size":1e30}}',
    "size null": gadget("b", {"size": None}),
    "bad color": gadget("b", {"size": 1, "color": "green"}),
    "null label": gadget("null-label", {"size": 1, "label": None, "many": None, "empty": None}),
    "null key value": gadget("null-key", {"size": 1, "keyed": [{"key": "a", "value": None}], "map": {"a": None}}),
    "null item": gadget("b", {"size": 1, "set": [None]}),
    "null color": gadget("null-color", {"size": 1, "color": None}),
    "null nothing": gadget("null-nothing", {"size": 1, "nothing": None, "nulled": None}),
    "long label": gadget("b", {"size": 1, "label": "abcdef"}),
    "bad label": gadget("b", {"size": 1, "label": "A"}),
    "too many": gadget("b", {"size": 1, "many": [1, 2, 3]}),
    "many text": gadget("b", {"size": 1, "many": [1, "x"]}),
    "any bool": gadget("b", {"size": 1, "any": True}),
    "map number": gadget("b", {"size": 1, "map": {"a": 1}}),
    "keys twice": gadget("b", {"size": 1, "keyed": [{"key": "a"}, {"key": "a"}]}),
    "no key": gadget("b", {"size": 1, "keyed": [{"value": "a"}]}),
    "set twice": gadget("b", {"size": 1, "set": ["a", "a"]}),
    "low above high": gadget("b", {"size": 1, "low": 7}),
    "several": gadget("b", {"size": 0, "color": "green", "label": "A"}),
    "rule and bound": gadget("b", {"size": 0, "low": 7}),
    "bad time": gadget("b", {"size": 1, "when": "yesterday"}),
    "bad multiple": gadget("b", {"size": 1, "number": 0.7}),
    "unknown pruned": gadget("pruned", {"size": 1, "extra": 1, "empty": {"extra": 2}}),
    "empty given": gadget("empty-given", {"size": 1, "empty": {"deeper": {}}}),
    "status pruned": {**gadget("status", {"size": 1}), "status": {"phase": "Up", "x": 1}},
    "bad metadata": {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": 5}, "spec": {"size": 1}},
    "bad labels": gadget("b", {"size": 1}, labels={"a": 1}),
    "bad label value": gadget("b", {"size": 1}, labels={"a": "x y"}),
    "wrong kind": {**gadget("b", {"size": 1}), "kind": "Widget"},
    "wrong version": {**gadget("b", {"size": 1}), "apiVersion": "example.com/v2"},
    "bad name": gadget("Bad", {"size": 1}),
}

CUSTOM = [
    *creates("custom", GADGETS, GADGET_BODIES),
    Step("custom strict", "POST", GADGETS + "?fieldValidation=Strict", gadget("b", {"size": 1, "extra": 1, "empty": {"x": 2}})),
    Step("custom warn", "POST", GADGETS + "?fieldValidation=Warn", gadget("warned", {"size": 1, "extra": 1})),
    Step("custom strict meta", "POST", GADGETS + "?fieldValidation=Strict",
         changed(gadget("b", {"size": 1}), "metadata.extra", 1)),
    Step("custom strict twice", "POST", GADGETS + "?fieldValidation=Strict",
         '{"apiVersion":"example.com/v1","kind":"Gadget","metadata":{"name":"b"},"spec":{"size":1,"size":2}}'),
    Step("custom put unversioned", "PUT", GADGETS + "/a", gadget("a", {"size": 4})),
    Step("custom put", "PUT", GADGETS + "/a", gadget("a", {"size": 4},
         resourceVersion="{{custom good:metadata.resourceVersion}}")),
    Step("custom put stale", "PUT", GADGETS + "/a", gadget("a", {"size": 5},
         resourceVersion="{{custom good:metadata.resourceVersion}}")),
    Step("custom put same", "PUT", GADGETS + "/a", gadget("a", {"size": 4},
         resourceVersion="{{custom put:metadata.resourceVersion}}")),
    Step("custom put bad", "PUT", GADGETS + "/a", gadget("a", {"size": 40},
         resourceVersion="{{custom put:metadata.resourceVersion}}")),
    Step("custom merge", "PATCH", GADGETS + "/a", {"spec": {"fixed": "one"}}, "merge"),
    Step("custom merge fixed", "PATCH", GADGETS + "/a", {"spec": {"fixed": "two"}}, "merge"),
    Step("custom merge null default", "PATCH", GADGETS + "/a", {"spec": {"color": None}}, "merge"),
    Step("custom merge required gone", "PATCH", GADGETS + "/a", {"spec": {"size": None}}, "merge"),
    Step("custom merge unknown", "PATCH", GADGETS + "/a", {"spec": {"extra": 1}}, "merge"),
    Step("custom merge strict", "PATCH", GADGETS + "/a?fieldValidation=Strict", {"spec": {"extra": 1}}, "merge"),
    Step("custom json", "PATCH", GADGETS + "/a", [{"op": "replace", "path": "/spec/size", "value": 6}], "jsonpatch"),
    Step("custom json bad", "PATCH", GADGETS + "/a", [{"op": "replace", "path": "/spec/size", "value": 60}], "jsonpatch"),
    Step("custom strategic", "PATCH", GADGETS + "/a", {"spec": {"size": 7}}, "strategic"),
    Step("custom status through main", "PATCH", GADGETS + "/a", {"status": {"phase": "Up"}}, "merge"),
    Step("custom status", "PATCH", GADGETS + "/a/status", {"status": {"phase": "Up"}, "spec": {"size": 9}}, "merge"),
    Step("custom status bad", "PATCH", GADGETS + "/a/status", {"status": {"phase": 1}}, "merge"),
    Step("custom status labels", "PATCH", GADGETS + "/a/status", {"metadata": {"labels": {"x": "y"}}}, "merge"),
    Step("custom get status", "GET", GADGETS + "/a/status"),
    Step("custom scale", "GET", GADGETS + "/a/scale"),
    Step("custom scale up", "PATCH", GADGETS + "/a/scale", {"spec": {"replicas": 8}}, "merge"),
    Step("custom scale too far", "PATCH", GADGETS + "/a/scale", {"spec": {"replicas": 80}}, "merge"),
    Step("custom selected", "GET", GADGETS + "?fieldSelector=spec.color%3Dblue"),
    Step("custom bad selected", "GET", GADGETS + "?fieldSelector=spec.size%3D3"),
    Step("custom absent", "GET", GADGETS + "/absent"),
    Step("custom absent version", "GET", "/apis/example.com/v3/namespaces/default/gadgets"),
    Step("custom absent group", "GET", "/apis/absent.example.com/v1/gadgets"),
    Step("custom absent resource", "GET", "/apis/example.com/v1/namespaces/default/absents"),
    Step("custom cluster path", "GET", "/apis/example.com/v1/gadgets/a"),
]  # fmt: skip


def with_container(pod_name: str, /, **fields: Any) -> dict[str, Any]:
    result = pod(pod_name)
    result["spec"]["containers"][0].update(fields)
    return result


POD_BODIES: dict[str, Any] = {
    "good": pod("a"),
    "no containers": pod("b", containers=[]),
    "no spec": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}},
    "names twice": pod("b", containers=[{"name": "x", "image": "i"}] * 2),
    "bad container name": with_container("b", name="Bad"),
    "no image": with_container("b", image=""),
    "bad request": with_container("b", resources={"requests": {"cpu": "many"}}),
    "negative request": with_container("b", resources={"requests": {"cpu": "-1"}}),
    "request above limit": with_container("b", resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
    "limit only": with_container("limit", resources={"limits": {"cpu": "1", "memory": "1Gi"}}),
    "gpu request only": with_container("b", resources={"requests": {"nvidia.com/gpu": "1"}}),
    "gpu fraction": with_container("b", resources={"limits": {"nvidia.com/gpu": "500m"}}),
    "gpu": with_container("gpu", resources={"limits": {"nvidia.com/gpu": 2}}),
    "unknown resource": with_container("b", resources={"limits": {"gpus": 1}}),
    "bad env name": with_container("b", env=[{"name": ""}]),
    "env two sources": with_container("b", env=[{"name": "A", "value": "x", "valueFrom": {
        "fieldRef": {"fieldPath": "metadata.name"}}}]),
    "bad fieldRef": with_container("b", env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]),
    "bad port": with_container("b", ports=[{"containerPort": 70000}]),
    "bad protocol": with_container("b", ports=[{"containerPort": 80, "protocol": "IP"}]),
    "mount without volume": with_container("b", volumeMounts=[{"name": "v", "mountPath": "/v"}]),
    "bad pull policy": with_container("b", imagePullPolicy="Sometimes"),
    "two handlers": with_container("b", livenessProbe={"exec": {"command": ["x"]}, "tcpSocket": {"port": 1}}),
    "bad probe": with_container("b", livenessProbe={"exec": {"command": ["x"]}, "periodSeconds": -1}),
    "bad restart": pod("b", restartPolicy="Sometimes"),
    "negative grace": pod("negative", terminationGracePeriodSeconds=-1),
    "zero deadline": pod("b", activeDeadlineSeconds=0),
    "gates": pod("gated", schedulingGates=[{"name": "example.com/g"}]),
    "gates and node": pod("b", schedulingGates=[{"name": "example.com/g"}], nodeName="n"),
    "gate twice": pod("b", schedulingGates=[{"name": "example.com/g"}] * 2),
    "bad toleration": pod("b", tolerations=[{"operator": "Exists", "value": "x"}]),
    "bad effect": pod("b", tolerations=[{"key": "a", "operator": "Exists", "effect": "Stop"}]),
    "bad selector": pod("b", nodeSelector={"a b": "c"}),
    "bad affinity": pod("b", affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": []}}}),
    "bad affinity operator": pod("b", affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Like", "values": ["x"]}]}]}}}),
    "bad hostname": pod("b", hostname="Bad_"),
    "volume two sources": pod("b", volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]),
    "volume no source": pod("v-none", volumes=[{"name": "v"}]),
    "volumes twice": pod("b", volumes=[{"name": "v", "emptyDir": {}}] * 2),
    "host path relative": pod("b", volumes=[{"name": "v", "hostPath": {"path": "a/../b"}}]),
    "init sidecar": pod("sidecar", initContainers=[{"name": "i", "image": "i", "restartPolicy": "Always"}]),
    "init bad restart": pod("b", initContainers=[{"name": "i", "image": "i", "restartPolicy": "Seldom"}]),
    "host ports": pod("hostnet", hostNetwork=True,
                      containers=[{"name": "x", "image": "i", "ports": [{"containerPort": 80}]}]),
    "unknown class": pod("b", priorityClassName="absent"),
    "given priority": pod("b", priority=5),
    "bad preemption": pod("c", preemptionPolicy="Always"),
    "bad dns": pod("b", dnsPolicy="Mine"),
    "bad spread": pod("b", topologySpreadConstraints=[{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "X"}]),
    "text for number": changed(pod("b"), "spec.terminationGracePeriodSeconds", "5"),
    "status dropped": {**pod("st"), "status": {"phase": "Running"}},
    "ephemeral": pod("b", ephemeralContainers=[{"name": "e", "image": "i"}]),
    "bad resize": with_container("b", resizePolicy=[{"resourceName": "gpu", "restartPolicy": "No"}]),
}

BINDING = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}}
POD_STEPS = [
    *creates("pod", PODS, POD_BODIES),
    Step("pod put image", "PUT", PODS + "/a", changed(pod("a"), "spec.containers.0.image", "new:1")),
    Step("pod put command", "PUT", PODS + "/a", changed(pod("a"), "spec.containers.0.command", ["false"])),
    Step("pod status", "PATCH", PODS + "/a/status", {"status": {"phase": "Running"}}, "merge"),
    Step("pod status spec", "PATCH", PODS + "/a/status", {"spec": {"nodeName": "n"}}, "merge"),
    Step("pod bad status", "PATCH", PODS + "/a/status", {"status": {"phase": 5}}, "merge"),
    Step("pod bind gated", "POST", PODS + "/gated/binding", {**BINDING, "metadata": {"name": "gated"}, "target": {"kind": "Node", "name": "n1"}}),
    Step("pod ungate", "PATCH", PODS + "/gated", {"spec": {"schedulingGates": None}}, "merge"),
    Step("pod regate", "PATCH", PODS + "/gated", {"spec": {"schedulingGates": [{"name": "example.com/h"}]}}, "merge"),
    Step("pod bind no target", "POST", PODS + "/a/binding", {**BINDING, "target": {}}),
    Step("pod bind kind", "POST", PODS + "/a/binding", {**BINDING, "target": {"kind": "Pod", "name": "n1"}}),
    Step("pod bind uid", "POST", PODS + "/a/binding",
         {**BINDING, "metadata": {"name": "a", "uid": "other"}, "target": {"kind": "Node", "name": "n1"}}),
    Step("pod bind other name", "POST", PODS + "/a/binding",
         {**BINDING, "metadata": {"name": "b"}, "target": {"kind": "Node", "name": "n1"}}),
    Step("pod bind", "POST", PODS + "/a/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {
        "name": "a", "annotations": {"example.com/epoch": "1"}}, "target": {"kind": "Node", "name": "n1"}}),
    Step("pod bound", "GET", PODS + "/a"),
    Step("pod bind again", "POST", PODS + "/a/binding", {**BINDING, "target": {"kind": "Node", "name": "n2"}}),
    Step("pod bind absent", "POST", PODS + "/absent/binding", {**BINDING, "metadata": {"name": "absent"}, "target": {"kind": "Node", "name": "n1"}}),
    Step("pods on node", "GET", PODS + "?fieldSelector=spec.nodeName%3Dn1"),
    Step("pods bad field", "GET", PODS + "?fieldSelector=spec.image%3Dx"),
    Step("pods bad selector", "GET", PODS + "?labelSelector=a%3D%3D%3Db"),
    Step("pod evict other", "POST", PODS + "/a/eviction",
         {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "b"}}),
    Step("pod evict uid", "POST", PODS + "/a/eviction", {"apiVersion": "policy/v1", "kind": "Eviction",
         "metadata": {"name": "a"}, "deleteOptions": {"preconditions": {"uid": "other"}}}),
    Step("pod evict dry", "POST", PODS + "/a/eviction?dryRun=All",
         {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}),
    Step("pod evict", "POST", PODS + "/a/eviction",
         {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}),
    Step("pod evicted", "GET", PODS + "/a"),
    Step("pod bind deleting", "POST", PODS + "/a/binding", {**BINDING, "target": {"kind": "Node", "name": "n2"}}),
    Step("pod evict again", "POST", PODS + "/a/eviction",
         {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}),
    Step("pod finalizer late", "PATCH", PODS + "/a", {"metadata": {"finalizers": ["example.com/x"]}}, "merge"),
    Step("pod delete longer", "DELETE", PODS + "/a", {"gracePeriodSeconds": 100}),
    Step("pod delete negative", "DELETE", PODS + "/a", {"gracePeriodSeconds": -5}),
    Step("pod delete now", "DELETE", PODS + "/a", {"gracePeriodSeconds": 0}),
    Step("pod deleted", "GET", PODS + "/a"),
    Step("pod delete unbound", "DELETE", PODS + "/gpu"),
    Step("pod evict absent", "POST", PODS + "/absent/eviction",
         {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "absent"}}),
]  # fmt: skip

DELETES = [
    Step("d create", "POST", MAPS, changed(config_map("d"), "metadata.finalizers", ["example.com/hold"])),
    Step("d uid", "DELETE", MAPS + "/d", {"preconditions": {"uid": "other"}}),
    Step("d version", "DELETE", MAPS + "/d", {"preconditions": {"resourceVersion": "1"}}),
    Step("d policy", "DELETE", MAPS + "/d", {"propagationPolicy": "Sideways"}),
    Step("d both policies", "DELETE", MAPS + "/d", {"propagationPolicy": "Orphan", "orphanDependents": True}),
    Step("d body kind", "DELETE", MAPS + "/d", {"kind": "Pod", "apiVersion": "v1"}),
    Step("d unknown option", "DELETE", MAPS + "/d", {"extra": 1}, differs="unknown options are ignored by both"),
    Step("d dry", "DELETE", MAPS + "/d?dryRun=All"),
    Step("d finalizer", "DELETE", MAPS + "/d"),
    Step("d finalizer again", "DELETE", MAPS + "/d"),
    Step("d change while going", "PATCH", MAPS + "/d", {"data": {"a": "b"}}, "merge"),
    Step("d another finalizer", "PATCH", MAPS + "/d",
         {"metadata": {"finalizers": ["example.com/hold", "example.com/new"]}}, "merge"),
    Step("d back to life", "PATCH", MAPS + "/d", {"metadata": {"deletionTimestamp": None}}, "merge"),
    Step("d create again", "POST", MAPS, config_map("d")),
    Step("d let go", "PATCH", MAPS + "/d", {"metadata": {"finalizers": None}}, "merge"),
    Step("d gone", "GET", MAPS + "/d"),
    Step("d absent", "DELETE", MAPS + "/d"),
    Step("d plain create", "POST", MAPS, config_map("e")),
    Step("d plain", "DELETE", MAPS + "/e"),
    Step("d foreground create", "POST", MAPS, config_map("f")),
    Step("d foreground", "DELETE", MAPS + "/f", {"propagationPolicy": "Foreground"}),
    Step("d custom", "DELETE", GADGETS + "/sg"),
    Step("d custom finalizer", "POST", GADGETS, gadget("fin", {"size": 1}, finalizers=["example.com/f"])),
    Step("d custom going", "DELETE", GADGETS + "/fin"),
    Step("d custom let go", "PATCH", GADGETS + "/fin", {"metadata": {"finalizers": []}}, "merge"),
    Step("d collection none", "DELETE", MAPS + "?labelSelector=none%3Dnone"),
    Step("d labelled", "POST", MAPS, changed(config_map("l1"), "metadata.labels", {"set": "one"})),
    Step("d labelled too", "POST", MAPS, changed(config_map("l2"), "metadata.labels", {"set": "one"})),
    Step("d collection", "DELETE", MAPS + "?labelSelector=set%3Done"),
    Step("d collection gone", "GET", MAPS + "?labelSelector=set%3Done"),
    Step("d namespaces", "DELETE", "/api/v1/namespaces"),
    Step("d default", "DELETE", "/api/v1/namespaces/default"),
]  # fmt: skip

LISTS = [
    Step("l create", "POST", MAPS, changed(config_map("l-a"), "metadata.labels", {"list": "yes", "n": "1"})),
    Step("l create two", "POST", MAPS, changed(config_map("l-b"), "metadata.labels", {"list": "yes", "n": "2"})),
    Step("l labels", "GET", MAPS + "?labelSelector=list%3Dyes"),
    Step("l not", "GET", MAPS + "?labelSelector=list%2Cn%21%3D1"),
    Step("l in", "GET", MAPS + "?labelSelector=n+in+(1%2C3)"),
    Step("l bad in", "GET", MAPS + "?labelSelector=n+in+1"),
    Step("l name", "GET", MAPS + "?fieldSelector=metadata.name%3Dl-a"),
    Step("l bad field", "GET", MAPS + "?fieldSelector=data.a%3D1"),
    Step("l bad field text", "GET", MAPS + "?fieldSelector=x"),
    Step("l limit", "GET", MAPS + "?labelSelector=list&limit=1"),
    Step("l continue", "GET", MAPS + "?labelSelector=list&limit=1&continue={{l limit:metadata.continue}}"),
    Step("l bad continue", "GET", MAPS + "?continue=x"),
    Step("l continue and version", "GET", MAPS + "?continue={{l limit:metadata.continue}}&resourceVersion=1"),
    Step("l bad limit", "GET", MAPS + "?limit=many"),
    Step("l bad version", "GET", MAPS + "?resourceVersion=x"),
    Step("l match alone", "GET", MAPS + "?resourceVersionMatch=Exact"),
    Step("l exact zero", "GET", MAPS + "?resourceVersionMatch=Exact&resourceVersion=0"),
    Step("l bad match", "GET", MAPS + "?resourceVersionMatch=Best&resourceVersion=1"),
    Step("l future", "GET", MAPS + "?resourceVersion=99999999"),
    Step("l get future", "GET", MAPS + "/l-a?resourceVersion=99999999"),
    Step("l get bad version", "GET", MAPS + "/l-a?resourceVersion=x"),
    Step("l not acceptable", "GET", MAPS + "/absent-too"),
    Step("w zero", "GET", MAPS + "?watch=true&resourceVersion=0&labelSelector=list&timeoutSeconds=1"),
    Step("w change", "PATCH", MAPS + "/l-a", {"data": {"x": "y"}}, "merge"),
    Step("w leave", "PATCH", MAPS + "/l-b", {"metadata": {"labels": {"list": None}}}, "merge"),
    Step("w from", "GET", MAPS + "?watch=true&labelSelector=list&timeoutSeconds=1"
         "&resourceVersion={{l create two:metadata.resourceVersion}}"),
    Step("w name", "GET", MAPS + "?watch=true&fieldSelector=metadata.name%3Dl-a&timeoutSeconds=1"
         "&resourceVersion={{l create two:metadata.resourceVersion}}"),
    Step("w initial", "GET", MAPS + "?watch=true&labelSelector=list&timeoutSeconds=1&sendInitialEvents=true"
         "&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"),
    Step("w initial alone", "GET", MAPS + "?watch=true&sendInitialEvents=true&timeoutSeconds=1"),
    Step("w initial false", "GET", MAPS + "?watch=true&sendInitialEvents=false&timeoutSeconds=1"),
    Step("w list initial", "GET", MAPS + "?sendInitialEvents=true"),
    Step("w match", "GET", MAPS + "?watch=true&resourceVersionMatch=Exact&resourceVersion=1&timeoutSeconds=1"),
    Step("w bad version", "GET", MAPS + "?watch=true&resourceVersion=x&timeoutSeconds=1"),
    Step("w bad selector", "GET", MAPS + "?watch=true&labelSelector=a+b&timeoutSeconds=1"),
    Step("w custom", "GET", GADGETS + "?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Da&timeoutSeconds=1"),
    Step("w bad timeout", "GET", MAPS + "?watch=true&timeoutSeconds=x"),
]  # fmt: skip

SERVICES = CORE + "/services"
OTHERS = [
    Step("ns create", "POST", "/api/v1/namespaces", {"metadata": {"name": "n1"}},
         differs="nobody makes the ServiceAccount there"),
    Step("ns bad", "POST", "/api/v1/namespaces", {"metadata": {"name": "Bad.Name"}}),
    Step("secret", "POST", CORE + "/secrets", {"metadata": {"name": "s"}, "stringData": {"a": "b"}}),
    Step("secret type", "PATCH", CORE + "/secrets/s", {"type": "other"}, "merge"),
    Step("secret bad", "POST", CORE + "/secrets", {"metadata": {"name": "s2"}, "data": {"a": "!"}}),
    Step("svc headless", "POST", SERVICES, {"metadata": {"name": "h"}, "spec": {
        "clusterIP": "None", "selector": {"a": "b"}, "ports": [{"port": 80}]}}),
    Step("svc no ports", "POST", SERVICES, {"metadata": {"name": "h2"}, "spec": {"selector": {"a": "b"}}}),
    Step("svc bad port", "POST", SERVICES, {"metadata": {"name": "h3"}, "spec": {"ports": [{"port": 0}]}}),
    Step("svc bad type", "POST", SERVICES, {"metadata": {"name": "h4"}, "spec": {"type": "X", "ports": [{"port": 1}]}}),
    Step("svc names", "POST", SERVICES, {"metadata": {"name": "h5"}, "spec": {"ports": [{"port": 1}, {"port": 2}]}}),
    Step("node", "POST", "/api/v1/nodes", {"metadata": {"name": "n1"}, "status": {"capacity": {"cpu": "4"}}}),
    Step("node taint", "PATCH", "/api/v1/nodes/n1", {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}, "merge"),
    Step("node bad taint", "PATCH", "/api/v1/nodes/n1", {"spec": {"taints": [{"key": "a", "effect": "No"}]}}, "merge"),
    Step("node taint twice", "PATCH", "/api/v1/nodes/n1",
         {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}] * 2}}, "merge"),
    Step("node bad quantity", "PATCH", "/api/v1/nodes/n1/status", {"status": {"capacity": {"cpu": "x"}}}, "merge"),
    Step("node status", "PATCH", "/api/v1/nodes/n1/status",
         {"status": {"capacity": {"cpu": "8"}, "conditions": [{"type": "Ready", "status": "True"}]}}, "strategic"),
    Step("lease", "POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases",
         {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15,
                                              "renewTime": "2026-01-01T00:00:00.000000Z"}}),
    Step("lease bad", "POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases",
         {"metadata": {"name": "l2"}, "spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}),
    Step("lease bad time", "POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases",
         {"metadata": {"name": "l2"}, "spec": {"renewTime": "2026-01-01"}}),
    Step("event", "POST", "/apis/events.k8s.io/v1/namespaces/default/events",
         {"metadata": {"name": "e"}, "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "example.com/c",
          "reportingInstance": "i", "action": "Act", "reason": "Because", "type": "Normal",
          "regarding": {"kind": "Pod", "namespace": "default", "name": "x"}}),
    Step("event as core", "GET", CORE + "/events/e"),
    Step("event bad", "POST", "/apis/events.k8s.io/v1/namespaces/default/events",
         {"metadata": {"name": "e2"}, "reason": "r", "regarding": {"namespace": "default"}}),
    Step("pdb", "POST", "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
         {"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}}),
    Step("pdb both", "POST", "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
         {"metadata": {"name": "b2"}, "spec": {"minAvailable": 1, "maxUnavailable": 1}}),
    Step("pdb bad", "POST", "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
         {"metadata": {"name": "b3"}, "spec": {"minAvailable": "x"}}),
    Step("pc", "POST", "/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "high"}, "value": 1000}),
    Step("pc too high", "POST", "/apis/scheduling.k8s.io/v1/priorityclasses",
         {"metadata": {"name": "higher"}, "value": 2000000000}),
    Step("pc change", "PATCH", "/apis/scheduling.k8s.io/v1/priorityclasses/high", {"value": 5}, "merge"),
    Step("pod of class", "POST", PODS, pod("classy", priorityClassName="high")),
    Step("claim", "POST", CORE + "/persistentvolumeclaims", {"metadata": {"name": "c"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
    Step("claim bad", "POST", CORE + "/persistentvolumeclaims", {"metadata": {"name": "c2"}, "spec": {}}),
    Step("quota", "POST", CORE + "/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1000"}}},
         differs="quotas are kept, not enforced"),
    Step("account", "POST", CORE + "/serviceaccounts", {"metadata": {"name": "sa"}}),
    Step("role bad", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
         {"metadata": {"name": "r"}, "rules": [{"resources": ["pods"]}]}),
    Step("role", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
         {"metadata": {"name": "r"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
    Step("binding", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
         {"metadata": {"name": "rb"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
          "subjects": [{"kind": "User", "name": "u", "apiGroup": "rbac.authorization.k8s.io"}]}),
    Step("binding change", "PATCH", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings/rb",
         {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "other"}}, "merge"),
    Step("root absent", "GET", "/absent"),
    Step("api absent", "GET", "/api/v2/pods"),
    Step("core absent", "GET", "/api/v1/absents"),
    Step("namespaced at root", "GET", "/api/v1/pods/a"),
    Step("bad method", "PUT", PODS, pod("a")),
]  # fmt: skip

# Where the answers differ and may; both still agree on success or failure.
KNOWN = {
    "names the field in other words": [
        "bad crd no versions",
        "bad crd no storage",
        "bad crd bad column",
        "cm bad finalizer",
        "cm bad owner",
        "pod patch add container",
        "custom size beyond",
        "custom rule and bound",
        "pod two handlers",
        "pod bad affinity operator",
        "pod volume two sources",
        "pod bad spread",
        "pod regate",
        "w match",
        "svc bad port",
        "node bad taint",
        "event bad",
        "pc change",
        "claim bad",
        "role bad",
    ],
    "refused while reading there, by validation here": [
        "cm bad base64",
        "pod bad request",
        "secret bad",
        "lease bad time",
        "node bad quantity",
        "cm null",
        "p merge uid",
        "custom wrong kind",
        "custom wrong version",
    ],
    "the reference forgets the owner of what it was sent unchanged": [
        "cm immutable",
    ],
    "a plain 404 without a Status there": [
        "custom absent version",
        "custom absent group",
        "custom absent resource",
        "custom cluster path",
        "root absent",
    ],
    "the second page there cannot know that it is the last": [
        "l continue",
    ],
    "the time of an owner that took nothing new": [
        "w custom",
    ],
    "defaults of addresses are owned there by nobody": [
        "svc headless",
    ],
    "new nodes are tainted there until a controller has seen them": [
        "node",
        "node taint",
        "node status",
    ],
    "counts are zero, not absent, there": [
        "pdb",
    ],
    "no controller here protects claims in use": [
        "claim",
    ],
}

REASONS = {name: reason for reason, names in KNOWN.items() for name in names}
STEPS = [
    replace(step, differs=step.differs or REASONS.get(step.name, ""))
    for step in DEFINITIONS + CONFIG_MAPS + PATCHES + CUSTOM + APPLY + POD_STEPS + LISTS + OTHERS + DELETES
]
