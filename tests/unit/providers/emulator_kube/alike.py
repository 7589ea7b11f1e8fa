"""When two answers are alike, and where they are not."""

from __future__ import annotations

from typing import Any


def tidied(body: Any, managed: bool, created: bool) -> Any:
    """A body without what differs by chance: uids of what is new, generated names, times of ownership."""
    if isinstance(body, list):
        return [tidied(one, managed, created) for one in body]
    if not isinstance(body, dict):
        return body
    found = {key: tidied(value, managed, created) for key, value in body.items()}
    metadata = found.get("metadata")
    if isinstance(metadata, dict):
        if created:
            metadata.pop("uid", None)
            for name in ("clusterIP", "clusterIPs"):
                found.get("spec", {}).pop(name, None)
        if metadata.get("generateName"):
            metadata["name"] = metadata["generateName"]
        entries = metadata.pop("managedFields", None)
        if managed and entries:
            metadata["managedFields"] = [
                {key: value for key, value in entry.items() if key != "time"}
                for entry in sorted(entries, key=lambda one: (one["operation"], one["manager"]))
                if entry["manager"] != "kube-controller-manager"
            ]
    return found


def different(have: Any, want: Any, path: str = "") -> list[str]:
    """List where two values differ."""
    if isinstance(have, dict) and isinstance(want, dict):
        found = []
        for key in sorted({**have, **want}):
            if key not in have or key not in want:
                found.append(
                    f"{path}.{key}: {'missing' if key not in have else 'too much'}: {have.get(key, want.get(key))}"
                )
            else:
                found += different(have[key], want[key], f"{path}.{key}")
        return found
    if isinstance(have, list) and isinstance(want, list) and len(have) == len(want):
        return [one for at in range(len(have)) for one in different(have[at], want[at], f"{path}[{at}]")]
    return [] if have == want and type(have) is type(want) else [f"{path}: {have!r}, recorded {want!r}"]
