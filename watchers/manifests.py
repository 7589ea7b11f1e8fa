"""What an image's manifest is: the media types that are asked for, and its digest, told or made from its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from watchers.errors import Malformed
from watchers.listing import document
from watchers.reference import is_digest
from watchers.transport import Answer

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
# All four at once: a registry that is not told of a format answers 404, or converts and so changes the digest.
MEDIA_TYPES = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a tag or digest stands for: the `digest` to deploy by and the `media_type` of an image or index."""

    digest: str
    media_type: str


def media_type(answer: Answer) -> str:
    """Return the media type an answer states, in small letters and without parameters; empty where it states none."""
    return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def same(manifest: Manifest, reference: str, what: str) -> Manifest:
    """Return the manifest, unless it was asked for by a digest and is another one: then Malformed is raised."""
    if is_digest(reference) and manifest.digest != reference:
        raise Malformed(f"{what}: answered with {manifest.digest}", "check the registry, or a cache in front of it")
    return manifest


def hashed(answer: Answer, reference: str, what: str) -> Manifest:
    """Make the digest of a manifest out of its bytes, and hold it against what the registry and the caller say.

    Raises Malformed, naming `what` was asked for, when it is no image's manifest or not the one it is said to be.
    """
    parsed = document(answer, what)
    kind = media_type(answer)
    if kind not in MEDIA_TYPES:
        stated = parsed.get("mediaType")
        kind = stated if isinstance(stated, str) and stated in MEDIA_TYPES else _shape(parsed)
    if not kind:
        raise Malformed(
            f"{what}: expected the manifest of an image, got {media_type(answer) or 'no type'}",
            "push the image again with a current client, or check that the host is a registry",
        )
    told = answer.headers.get("Docker-Content-Digest", "")
    stated_digest = reference if is_digest(reference) else told
    algorithm = "sha512" if stated_digest.startswith("sha512:") else "sha256"
    digest = f"{algorithm}:{hashlib.new(algorithm, answer.body).hexdigest()}"
    if is_digest(told) and told.partition(":")[0] == algorithm and told != digest:
        raise Malformed(f"{what}: its content has {digest}, the registry says {told}", "try again", passing=True)
    return Manifest(digest, kind)


def _shape(document: dict[str, Any]) -> str:
    if document.get("schemaVersion") != 2:
        return ""
    if isinstance(document.get("manifests"), list):
        return OCI_INDEX
    return OCI_MANIFEST if isinstance(document.get("config"), dict) else ""
