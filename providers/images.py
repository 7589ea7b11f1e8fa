"""Image references: which repository one names, and how it is pinned to a digest; pure."""

from __future__ import annotations


def repository(reference: str) -> str:
    """Return an image reference without tag and digest: the host in lower case, Docker Hub's names short."""
    name = without_tag(reference)
    for prefix in ("docker.io/", "index.docker.io/", "registry-1.docker.io/"):
        name = name.removeprefix(prefix)
    name = name.removeprefix("library/")
    host, slash, path = name.partition("/")
    return f"{host.lower()}/{path}" if slash and ("." in host or ":" in host or host == "localhost") else name


def without_tag(reference: str) -> str:
    """Return an image reference as it is written, without its tag and digest."""
    head, slash, rest = reference.partition("@")[0].rpartition("/")
    return head + slash + rest.partition(":")[0]
