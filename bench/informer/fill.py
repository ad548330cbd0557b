"""Fills a test cluster with Pods in seconds: one is created through the API server, the others are
copies of what it stored, written straight into etcd with other names, uids and nodes.

The copies differ from the first only in texts of the same length, so that the stored bytes stay a
valid object. Only for throw-away clusters: nothing is validated, and nobody is asked.
"""

from __future__ import annotations

import base64
import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

PER_TRANSACTION = 100  # etcd allows 128
PODS_PER_NODE = 100
KEY = "/registry/pods/default/"


@dataclass(frozen=True)
class Cluster:
    server: str
    ca_file: str
    token: str
    etcd_url: str


def fill(cluster: Cluster, pods: int) -> None:
    first = _name(0)
    uid = _create(cluster, first)
    stored = _read(cluster, KEY + first)
    for begin in range(1, pods, PER_TRANSACTION):
        numbers = range(begin, min(begin + PER_TRANSACTION, pods))
        _write(cluster, [(KEY + _name(n), _copy(stored, uid, n)) for n in numbers])
    _wait_for_cache(cluster, _name(pods - 1))


def _wait_for_cache(cluster: Cluster, last: str) -> None:
    """Until the server's cache, which follows etcd in order, has the Pod that was written last."""
    url = f"{cluster.server}/api/v1/namespaces/default/pods/{last}?resourceVersion=0"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {cluster.token}"})
    context = ssl.create_default_context(cafile=cluster.ca_file)
    until = time.monotonic() + 300
    while True:
        try:
            urllib.request.urlopen(request, timeout=30, context=context).close()
            return
        except urllib.error.HTTPError as error:
            if error.code != 404 or time.monotonic() > until:
                raise
        time.sleep(0.2)


def _name(number: int) -> str:
    return f"web-6d4cf56db6-{number:06d}"


def _node(number: int) -> str:
    return f"node-{number // PODS_PER_NODE:05d}"


def _copy(stored: bytes, uid: str, number: int) -> bytes:
    for old, new in (
        (_name(0), _name(number)),
        (_node(0), _node(number)),
        (uid, f"{uid[:24]}{number:012x}"),
    ):
        assert len(old) == len(new)
        stored = stored.replace(old.encode(), new.encode())
    return stored


def _pod(name: str) -> dict[str, Any]:
    """Like a Pod of a Deployment: about 1.5 KB of protobuf once the server has filled it in."""
    patience = [
        {
            "key": f"node.kubernetes.io/{state}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 300,
        }
        for state in ("not-ready", "unreachable")
    ]
    container = {
        "name": "main",
        "image": "registry.example.com/web/front:1.2.3",
        "args": ["--listen=:8080", "--verbose"],
        "env": [{"name": "MODE", "value": "production"}],
        "resources": {
            "requests": {"cpu": "250m", "memory": "256Mi"},
            "limits": {"memory": "512Mi"},
        },
    }
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "web-6d4cf56db6",
        "uid": "00000000-0000-4000-8000-000000000001",
        "controller": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {"app": "web", "pod-template-hash": "6d4cf56db6", "tier": "front"},
            "annotations": {"example.com/revision": "7"},
            "ownerReferences": [owner],
        },
        "spec": {"nodeName": _node(0), "containers": [container], "tolerations": patience},
    }


def _create(cluster: Cluster, name: str) -> str:
    request = urllib.request.Request(
        f"{cluster.server}/api/v1/namespaces/default/pods",
        data=json.dumps(_pod(name)).encode(),
        headers={
            "Authorization": f"Bearer {cluster.token}",
            "Content-Type": "application/json",
        },
    )
    context = ssl.create_default_context(cafile=cluster.ca_file)
    with urllib.request.urlopen(request, timeout=30, context=context) as answer:
        uid: str = json.load(answer)["metadata"]["uid"]
        return uid


def _read(cluster: Cluster, key: str) -> bytes:
    answer = _etcd(cluster, "range", {"key": _base64(key.encode())})
    return base64.b64decode(answer["kvs"][0]["value"])


def _write(cluster: Cluster, entries: list[tuple[str, bytes]]) -> None:
    puts = [
        {"requestPut": {"key": _base64(key.encode()), "value": _base64(value)}}
        for key, value in entries
    ]
    _etcd(cluster, "txn", {"success": puts})


def _etcd(cluster: Cluster, call: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"{cluster.etcd_url}/v3/kv/{call}", data=json.dumps(body).encode()
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
