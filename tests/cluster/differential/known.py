"""Differences that are known, and why they may be."""

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
