"""What an OCI registry remembers: blobs, manifests and tags of every repository, and uploads that are under way.

Everything lives in memory and nothing survives the process. A digest is always computed here from the bytes that were
sent, never believed, so a name by digest means what it means in a real registry.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST_TYPES = frozenset({OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"(sha256:[0-9a-f]{64})|(sha512:[0-9a-f]{128})")


class RegistryError(Exception):
    """A refusal in the words of the distribution specification: an HTTP status and one error of its table of codes."""

    def __init__(
        self, status: int, code: str, message: str, detail: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Manifest:
    """One stored manifest or index: its bytes exactly as pushed, and what was read out of them on arrival."""

    digest: str
    media_type: str
    body: bytes
    pushed_at: datetime
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tag:
    """Where a tag points now, since when it exists and when it last moved (UTC)."""

    name: str
    digest: str
    created_at: datetime
    updated_at: datetime
    serial: int


@dataclass(slots=True)
class Repository:
    """One repository: manifests by digest, tags by name, and the digests of the blobs it may serve."""

    name: str
    created_at: datetime
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Upload:
    """A blob upload that was begun and not yet closed."""

    repository: str
    received: bytearray = field(default_factory=bytearray)


def digest_of(body: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of some bytes as registries write it, `sha256:<hex>`."""
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def is_digest(reference: str) -> bool:
    """Tell a digest from a tag."""
    return _DIGEST.fullmatch(reference) is not None


class RegistryStore:
    """All repositories of one registry, with the checks a push has to pass before anything is kept."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.uploads: dict[str, Upload] = {}
        self._blobs: dict[str, bytes] = {}
        self._serial = 0

    def repository(self, name: str) -> Repository:
        """Return a repository that exists; NAME_UNKNOWN (404) otherwise."""
        _check_name(name)
        found = self.repositories.get(name)
        if found is None:
            raise RegistryError(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": name})
        return found

    def ensure_repository(self, name: str, now: datetime) -> Repository:
        """Return a repository, made on the first push; NAME_INVALID (400) for a name that no registry would take."""
        _check_name(name)
        return self.repositories.setdefault(name, Repository(name, now))

    def blob(self, repository: str, digest: str) -> bytes:
        """Return a blob's bytes when this repository holds it; BLOB_UNKNOWN (404) otherwise."""
        _check_digest(digest)
        if digest not in self.repository(repository).blobs:
            raise RegistryError(404, "BLOB_UNKNOWN", "blob unknown to registry", {"digest": digest})
        return self._blobs[digest]

    def put_blob(self, repository: str, digest: str, body: bytes, now: datetime) -> None:
        """Keep a blob under the digest its sender named; DIGEST_INVALID (400) when the bytes say otherwise."""
        _check_digest(digest)
        actual = digest_of(body, digest.partition(":")[0])
        if actual != digest:
            message = "provided digest did not match uploaded content"
            raise RegistryError(400, "DIGEST_INVALID", message, {"expected": digest, "got": actual})
        self.ensure_repository(repository, now).blobs.add(digest)
        self._blobs[digest] = body

    def mount_blob(self, repository: str, source: str, digest: str, now: datetime) -> bool:
        """Share a blob of another repository without sending it again; False when the source does not hold it."""
        other = self.repositories.get(source)
        if other is None or digest not in other.blobs:
            return False
        self.ensure_repository(repository, now).blobs.add(digest)
        return True

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return the manifest a tag or digest names; MANIFEST_UNKNOWN (404) otherwise."""
        held = self.repository(repository)
        tag = held.tags.get(reference)
        found = held.manifests.get(tag.digest if tag else reference)
        if found is None:
            raise RegistryError(
                404, "MANIFEST_UNKNOWN", "manifest unknown", {"name": repository, "reference": reference}
            )
        return found

    def put_manifest(self, repository: str, reference: str, media_type: str, body: bytes, now: datetime) -> Manifest:
        """Check a manifest, keep it and, when `reference` is a tag, point the tag at it."""
        manifest = self.checked_manifest(repository, reference, media_type, body, now)
        self.keep_manifest(repository, reference, manifest)
        return manifest

    def checked_manifest(
        self, repository: str, reference: str, media_type: str, body: bytes, now: datetime
    ) -> Manifest:
        """Return what a push would store and store nothing yet; raises RegistryError when it is not acceptable."""
        document = _parse_manifest(media_type, body)
        held = self.ensure_repository(repository, now)
        by_digest = is_digest(reference)
        digest = digest_of(body, reference.partition(":")[0] if by_digest else "sha256")
        if by_digest and digest != reference:
            message = "manifest digest differs from the reference it was pushed by"
            raise RegistryError(400, "DIGEST_INVALID", message, {"expected": reference, "got": digest})
        if not by_digest and not _TAG.fullmatch(reference):
            raise RegistryError(
                400, "TAG_INVALID", "manifest tag did not match the allowed pattern", {"tag": reference}
            )
        self._check_references(held, media_type, document)
        return Manifest(digest, media_type, body, now, document)

    def keep_manifest(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Store a checked manifest; one that is held already keeps the time of its first push."""
        held = self.repository(repository)
        held.manifests.setdefault(manifest.digest, manifest)
        if not is_digest(reference):
            self._point(held, reference, manifest.digest, manifest.pushed_at)

    def delete_manifest(self, repository: str, reference: str) -> None:
        """Remove one tag, or a manifest by digest together with every tag that points at it."""
        held = self.repository(repository)
        if held.tags.pop(reference, None) is not None:
            return
        digest = self.manifest(repository, reference).digest
        del held.manifests[digest]
        for tag in [tag for tag in held.tags.values() if tag.digest == digest]:
            del held.tags[tag.name]

    def _point(self, held: Repository, name: str, digest: str, now: datetime) -> None:
        before = held.tags.get(name)
        if before is not None and before.digest == digest:
            return
        self._serial += 1
        held.tags[name] = Tag(name, digest, before.created_at if before else now, now, self._serial)

    def _check_references(self, held: Repository, media_type: str, document: Mapping[str, Any]) -> None:
        if media_type in INDEX_TYPES:
            wanted = [entry.get("digest") for entry in document.get("manifests") or []]
            missing = [digest for digest in wanted if digest not in held.manifests]
            code, message = "MANIFEST_UNKNOWN", "the index names a manifest that this repository does not hold"
        else:
            layers = [layer for layer in document.get("layers") or [] if not layer.get("urls")]
            wanted = [entry.get("digest") for entry in [document.get("config") or {}, *layers]]
            missing = [digest for digest in wanted if digest not in held.blobs]
            code, message = "MANIFEST_BLOB_UNKNOWN", "the manifest names a blob that this repository does not hold"
        if missing:
            raise RegistryError(400, code, message, {"digests": missing})


def _parse_manifest(media_type: str, body: bytes) -> Mapping[str, Any]:
    if media_type not in MANIFEST_TYPES:
        allowed = ", ".join(sorted(MANIFEST_TYPES))
        raise RegistryError(
            415, "MANIFEST_INVALID", f"Content-Type must be one of {allowed}; got {media_type or 'none'}"
        )
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise RegistryError(400, "MANIFEST_INVALID", f"the manifest must be a JSON object: {error}") from error
    wrong = _shape_problem(media_type, document)
    if wrong:
        raise RegistryError(400, "MANIFEST_INVALID", wrong)
    return document


def _shape_problem(media_type: str, document: Mapping[str, Any]) -> str | None:
    if document.get("schemaVersion") != 2:
        return f"schemaVersion must be 2; got {document.get('schemaVersion')!r}"
    stated = document.get("mediaType")
    if stated is not None and stated != media_type:
        return f"mediaType must equal the Content-Type {media_type}; got {stated}"
    lists = ("manifests",) if media_type in INDEX_TYPES else ("layers",)
    descriptors = [] if media_type in INDEX_TYPES else [document.get("config")]
    for key in lists:
        value = document.get(key)
        if not isinstance(value, list):
            return f"{key} must be a list; got {type(value).__name__}"
        descriptors += value
    for descriptor in descriptors:
        if not isinstance(descriptor, dict) or not is_digest(str(descriptor.get("digest"))):
            return f"every descriptor must be an object with a digest; got {descriptor!r}"
    return None


def _check_name(name: str) -> None:
    if len(name) > 255 or not _NAME.fullmatch(name):
        raise RegistryError(400, "NAME_INVALID", "invalid repository name", {"name": name})


def _check_digest(digest: str) -> None:
    if not is_digest(digest):
        raise RegistryError(400, "DIGEST_INVALID", "a digest is sha256:<64 hex digits>", {"digest": digest})
