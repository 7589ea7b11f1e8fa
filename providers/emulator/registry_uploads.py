"""How blobs come into the emulated registry: in one request, in chunks, or shared from another repository."""

from __future__ import annotations

import re
import uuid
from datetime import datetime

from providers.emulator.http import Request, Response
from providers.emulator.registry_store import RegistryError, RegistryStore, Upload

_RANGE = re.compile(r"(?:bytes[ =])?(\d+)-(\d+)(?:/.*)?")


def handle(store: RegistryStore, request: Request, name: str, upload_id: str, now: datetime) -> Response:
    """Answer `/v2/<name>/blobs/uploads/[<id>]` by the specification's POST, PATCH, PUT, GET and DELETE."""
    if not upload_id:
        if request.method != "POST":
            raise RegistryError(405, "UNSUPPORTED", "an upload begins with POST", headers={"Allow": "POST"})
        return _begin(store, request, name, now)
    upload = store.uploads.get(upload_id)
    if upload is None or upload.repository != name:
        raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", {"id": upload_id})
    if request.method == "PATCH":
        _append(upload, request, upload_id)
        return _accepted(202, name, upload_id, upload)
    if request.method == "PUT":
        return _close(store, request, name, upload_id, now)
    if request.method == "GET":
        return _accepted(204, name, upload_id, upload)
    if request.method == "DELETE":
        del store.uploads[upload_id]
        return Response(204)
    allowed = {"Allow": "PATCH, PUT, GET, DELETE"}
    raise RegistryError(405, "UNSUPPORTED", f"an upload does not take {request.method}", headers=allowed)


def _begin(store: RegistryStore, request: Request, name: str, now: datetime) -> Response:
    store.ensure_repository(name, now)
    digest, mount = request.query.get("digest"), request.query.get("mount")
    if mount and store.mount_blob(name, request.query.get("from", ""), mount, now):
        return _created(name, mount)
    if digest:
        store.put_blob(name, digest, request.body, now)
        return _created(name, digest)
    upload_id = str(uuid.uuid4())
    store.uploads[upload_id] = Upload(name)
    return _accepted(202, name, upload_id, store.uploads[upload_id])


def _append(upload: Upload, request: Request, upload_id: str) -> None:
    """Add a chunk; one that says where it belongs must begin where the last one ended (416 otherwise)."""
    stated = request.header("Content-Range")
    if stated is not None:
        found = _RANGE.fullmatch(stated.strip())
        expected = (len(upload.received), len(upload.received) + len(request.body) - 1)
        if found is None or (int(found[1]), int(found[2])) != expected:
            message = f"expected Content-Range {expected[0]}-{expected[1]}; got {stated}"
            headers = {"Range": _received(upload), "Docker-Upload-Uuid": upload_id}
            raise RegistryError(416, "BLOB_UPLOAD_INVALID", message, headers=headers)
    upload.received += request.body


def _close(store: RegistryStore, request: Request, name: str, upload_id: str, now: datetime) -> Response:
    digest = request.query.get("digest")
    if not digest:
        raise RegistryError(400, "DIGEST_INVALID", "closing an upload needs ?digest=sha256:…")
    upload = store.uploads[upload_id]
    if request.body:
        _append(upload, request, upload_id)
    del store.uploads[upload_id]
    store.put_blob(name, digest, bytes(upload.received), now)
    return _created(name, digest)


def _created(name: str, digest: str) -> Response:
    return Response(201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})


def _accepted(status: int, name: str, upload_id: str, upload: Upload) -> Response:
    headers = {
        "Location": f"/v2/{name}/blobs/uploads/{upload_id}",
        "Range": _received(upload),
        "Docker-Upload-Uuid": upload_id,
    }
    return Response(status, headers)


def _received(upload: Upload) -> str:
    return f"0-{max(len(upload.received) - 1, 0)}"
