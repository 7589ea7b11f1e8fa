"""Signatures over a body, and the one format that is ours: for registries and pipelines that nobody else speaks for.

A generic webhook is a POST to /webhooks/signed with

    Content-Type: application/json
    X-Rollout-Signature: sha256=<HMAC-SHA256 of the body's bytes with the secret, in 64 hexadecimal digits>

    {"image": "registry.contoso.com/shop/storefront:1.4.2"}

`image` is a reference as container tools write it, with a tag, a digest or neither; other keys are not looked at. In a
shell: `openssl dgst -sha256 -hmac "$SECRET" body.json`. The signature covers the body alone, so a copy of a delivery is
as good as the delivery: it makes the registry be asked once more.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from watchers.reference import ReferenceProblem, parse
from watchers.signals import Signal
from watchers.webhooks.reading import LONGEST_NAME, Junk, Source, cut, decode, header, shaped

SIGNATURE_HEADERS: Mapping[Source, str] = {
    Source.GITHUB: "X-Hub-Signature-256",
    Source.SIGNED: "X-Rollout-Signature",
}
"""The header that carries the signature, for the sources that sign."""
_SIGNATURE = re.compile(r"sha256=([0-9a-fA-F]{64})")


class _Generic(Struct):
    image: str


def signature_of(source: Source, headers: Mapping[str, str]) -> bytes | None:
    """Return the signature that came along; None where there is none or it cannot be one."""
    found = _SIGNATURE.fullmatch(header(headers, SIGNATURE_HEADERS[source]).strip())
    return bytes.fromhex(found[1]) if found else None


def is_signed(secrets: Sequence[bytes], signature: bytes, body: bytes) -> bool:
    """Say whether one of the secrets made this signature; all are tried, in a time that tells nothing of them."""
    made = [hmac.compare_digest(hmac.digest(secret, body, hashlib.sha256), signature) for secret in secrets]
    return any(made)


def generic(_headers: Mapping[str, str], body: bytes) -> tuple[Signal, ...]:
    """Read a generic webhook; the signature is the caller's to check first."""
    text = shaped(decode(body), _Generic).image
    if len(text) > LONGEST_NAME:
        raise Junk(f"the body.image: expected an image's name of at most {LONGEST_NAME} characters")
    try:
        image = parse(text)
    except ReferenceProblem as problem:
        raise Junk(f"the body.image: {cut(str(problem))}") from None
    return (Signal(image.host, image.repository, image.tag, image.digest, Source.SIGNED.value),)
