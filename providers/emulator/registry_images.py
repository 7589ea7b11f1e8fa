"""Makes the images of `POST /_emulator/images`: one layer, a configuration and a manifest that any client can pull."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from providers.emulator.registry_store import OCI_MANIFEST, digest_of

BEHAVIOUR_LABEL = "rollout.emulator.behaviour"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True)
class Parts:
    """The bytes of one image: its manifest, and the blobs that the manifest names, by digest."""

    media_type: str
    manifest: bytes
    blobs: Mapping[str, bytes]


def parts_of(repository: str, tag: str, behaviour: Mapping[str, Any]) -> Parts:
    """Return an image whose bytes depend on repository, tag and behaviour alone.

    The layer is not compressed: the output of a compressor differs between versions, and with it the digest would.
    """
    told = msgspec.json.encode(dict(behaviour), order="sorted")
    layer = _layer(msgspec.json.encode({"image": f"{repository}:{tag}", "behaviour": msgspec.Raw(told)}))
    labels = {BEHAVIOUR_LABEL: told.decode(), "org.opencontainers.image.ref.name": f"{repository}:{tag}"}
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
    }
    raw = msgspec.json.encode(config, order="sorted")
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(_CONFIG, raw),
        "layers": [_descriptor(_LAYER, layer)],
    }
    blobs = {digest_of(blob): blob for blob in (raw, layer)}
    return Parts(OCI_MANIFEST, msgspec.json.encode(manifest), blobs)


def _layer(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo("workload.json")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _descriptor(media_type: str, body: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}
