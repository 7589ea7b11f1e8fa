"""Image references: `[host[:port]/]repository[:tag][@digest]`, by the grammar of the distribution specification.

Pure. A name without a host is Docker Hub's, as every container tool reads it; hosts are compared in small letters.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Self

DOCKER_HUB = "docker.io"
DOCKER_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
LONGEST_NAME = 255
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HEX_LENGTH = {"sha256": 64, "sha512": 128}
_HEX = re.compile(r"[0-9a-f]+")
_EXAMPLE = "contoso.azurecr.io/shop/storefront:1.4.2"


class ReferenceProblem(ValueError):  # noqa: N818 - said of the text, as the sentence does
    """A text that is no image reference; the sentence says which part is wrong, what was expected and what to write."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One image's name: `host` with its port where one was given, `repository`, and `tag` and `digest` where known."""

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """Host and repository, without tag and digest."""
        return f"{self.host}/{self.repository}"

    @property
    def asked(self) -> str:
        """What a registry is asked for: the digest, else the tag, else `latest`, as container tools do."""
        return self.digest or self.tag or "latest"

    def tagged(self, tag: str) -> Self:
        """Return the same repository with another tag and no digest; raises ReferenceProblem for an impossible tag."""
        check_tag(tag, tag)
        return replace(self, tag=tag, digest=None)

    def pinned(self, digest: str) -> Self:
        """Return the same image with its digest; raises ReferenceProblem for what is none."""
        check_digest(digest, digest)
        return replace(self, digest=digest)

    def __str__(self) -> str:
        return f"{self.name}{f':{self.tag}' if self.tag else ''}{f'@{self.digest}' if self.digest else ''}"


def parse(text: str) -> Reference:
    """Read a reference; raises ReferenceProblem with the part that is wrong and what to write instead."""
    _check_shape(text)
    name, at, digest = text.partition("@")
    if at:
        check_digest(digest, text)
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and not slash and tag.isdigit() and "." in last:
        raise _wrong(text, f"a repository after the host {last}:{tag}, as in {_EXAMPLE}", name)
    if colon:
        check_tag(tag, text)
    host, repository = _split(head + slash + last, text)
    return Reference(host, repository, tag if colon else None, digest if at else None)


def check_tag(tag: str, text: str | None = None) -> None:
    """Raise ReferenceProblem, naming `text` as the whole, unless this is a tag that a registry can hold."""
    if not _TAG.fullmatch(tag):
        raise _wrong(
            text or tag, "a tag of at most 128 letters, digits, `_`, `.` and `-` that begins with none of `.-`", tag
        )


def check_digest(digest: str, text: str | None = None) -> None:
    """Raise ReferenceProblem, naming `text` as the whole, unless this is a sha256 or sha512 digest in small letters."""
    if not is_digest(digest):
        raise _wrong(text or digest, "a digest such as sha256: and 64 of the digits 0-9 and a-f", digest)


def is_digest(text: str) -> bool:
    """Say whether a text is a digest rather than a tag."""
    algorithm, _, digits = text.partition(":")
    return len(digits) == _HEX_LENGTH.get(algorithm) and _HEX.fullmatch(digits) is not None


def check_repository(repository: str, text: str | None = None) -> None:
    """Raise ReferenceProblem, naming `text` as the whole, unless this is a repository's path without its host."""
    for component in repository.split("/"):
        if _COMPONENT.fullmatch(component):
            continue
        if _COMPONENT.fullmatch(component.lower()):
            raise _wrong(text or repository, f"small letters, {component.lower()}", component)
        expected = "path parts of small letters and digits, joined by `.`, `_`, `__` or `-`"
        raise _wrong(text or repository, expected, component)


def canonical_host(host: str, text: str | None = None) -> str:
    """Return a registry's `host[:port]` in small letters, the Hub's names as `docker.io`; raises ReferenceProblem."""
    name, port = split_host(host.lower(), text)
    if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise _wrong(text or host, "a port from 1 to 65535 after the host", port)
    if name in DOCKER_HUB_NAMES and port is None:
        return DOCKER_HUB
    return f"{name}:{int(port)}" if port is not None else name


def split_host(host: str, text: str | None = None) -> tuple[str, str | None]:
    """Cut `host[:port]` in two, an IPv6 address keeping its brackets; raises ReferenceProblem unless it is a host."""
    if host.startswith("["):
        address, closing, rest = host[1:].partition("]")
        try:
            literal = f"[{ipaddress.IPv6Address(address).compressed}]"
        except ValueError:
            raise _wrong(text or host, "an IPv6 address in brackets, as in [::1]:5000", host) from None
        if not closing or "%" in address or (rest and not rest.startswith(":")):
            raise _wrong(text or host, "an IPv6 address in brackets, as in [::1]:5000", host)
        return literal, rest[1:] if rest else None
    name, colon, port = host.partition(":")
    if len(name) > 253 or not all(len(label) < 64 and _LABEL.fullmatch(label) for label in name.split(".")):
        raise _wrong(text or host, "a host name such as contoso.azurecr.io", name)
    return name, port if colon else None


def _check_shape(text: str) -> None:
    if not text:
        raise ReferenceProblem(f"image: expected a reference such as {_EXAMPLE}; got nothing")
    if "://" in text:
        raise _wrong(text, f"no scheme, only {text.partition('://')[2] or _EXAMPLE}", text.partition("://")[0] + "://")
    if any(not "!" <= character <= "~" for character in text):
        raise _wrong(text, "printable ASCII characters and no space", next(c for c in text if not "!" <= c <= "~"))
    if _HEX.fullmatch(text) and len(text) == 64:
        raise _wrong(text, f"a name before the digest, as in contoso.azurecr.io/shop/storefront@sha256:{text}", text)


def _split(name: str, text: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    named = slash and (first == "localhost" or any(mark in first for mark in ".:[") or first != first.lower())
    host, repository = (canonical_host(first, text), rest) if named else (DOCKER_HUB, name)
    if not repository:
        raise _wrong(text, f"a repository, as in {_EXAMPLE}", name)
    check_repository(repository, text)
    if host == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if len(f"{host}/{repository}") > LONGEST_NAME:
        raise _wrong(text, f"a name of at most {LONGEST_NAME} characters", f"{len(f'{host}/{repository}')} characters")
    return host, repository


def _wrong(text: str, expected: str, got: str) -> ReferenceProblem:
    return ReferenceProblem(f"image {_cut(text)!r}: expected {expected}; got {_cut(got)!r}")


def _cut(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:297]}..."
