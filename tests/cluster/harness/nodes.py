"""Simulated machines: "zone-a=2x8,zone-b=3x8" -> Node objects, as `fermi up --nodes` names them."""

from __future__ import annotations

import re
from typing import Any

REGION = "local"
POOL = "default"
GPU_MODEL = "simulated"
CPUS, MEMORY, PODS = "64", "256Gi", "110"


def parse_nodes(text: str) -> list[tuple[str, int, int]]:
    """[(zone, number of nodes, GPUs per node)]; ValueError names the part that is wrong."""
    result = []
    for part in text.split(","):
        match = re.fullmatch(r"([a-z0-9-]+)=(\d+)x(\d+)", part.strip())
        if not match:
            raise ValueError(f"nodes: '{part}' is not of the form ZONE=NODESxGPUS")
        result.append((match[1], int(match[2]), int(match[3])))
    return result


def node_objects(text: str) -> list[dict[str, Any]]:
    """Nodes named <zone>-<number from 0>, with the labels that a cloud and a GPU operator set."""
    return [
        _node(zone, index, gpus)
        for zone, count, gpus in parse_nodes(text)
        for index in range(count)
    ]


def _node(zone: str, index: int, gpus: int) -> dict[str, Any]:
    name = f"{zone}-{index}"
    room = {"cpu": CPUS, "memory": MEMORY, "pods": PODS}
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": zone,
        "topology.kubernetes.io/region": REGION,
        "fermi-cluster.com/pool": POOL,
    }
    if gpus:
        room["nvidia.com/gpu"] = str(gpus)
        labels["nvidia.com/gpu.product"] = GPU_MODEL
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"capacity": room, "allocatable": room},
    }
