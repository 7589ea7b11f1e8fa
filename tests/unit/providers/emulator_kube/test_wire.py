"""What the Python client really sends is answered with the recorded status and message."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from providers.emulator.http import Request
from providers.emulator.kube.api import KubeApi
from providers.emulator.kube.kinds import DEPLOYMENT, LEASE, NAMESPACE
from providers.emulator.kube.watch import WatchResponse
from tests.unit.providers.emulator_kube.recordings import TRANSCRIPTS, transcript
from tests.unit.providers.emulator_kube.worlds import server

Json = dict[str, Any]


@pytest.mark.skipif(not TRANSCRIPTS.is_dir(), reason="the recordings of ../shared are not here")
def test_requests_of_the_python_client_are_answered_as_recorded() -> None:
    api = server()
    api.objects.put(NAMESPACE, NAMESPACE.new(None, "wire"))
    api.objects.version = 100
    wrong: list[Any] = []
    for called in transcript("python-client-wire")["calls"]:
        for sent in called["requests"]:
            if "resource_version='5'" in called["call"]:
                api.objects.compact()
            response = api.handle(_request(sent["request"], api))
            body: Any = None
            if isinstance(response, WatchResponse) and response.watch is not None:
                events = response.watch.events()
                if "raises" in called and events[0]["object"]["code"] != called["raises"]["status"]:
                    wrong.append((called["call"], events))
            else:
                body = json.loads(response.body)
            if response.status != sent["status"] or ("message" in sent and body["message"] != sent["message"]):
                wrong.append((called["call"], response.status, body))
    assert not wrong


def _request(sent: Json, api: KubeApi) -> Request:
    """A recorded request with our uids, and for what is not meant to be stale our version."""
    body: Any = sent.get("body")
    if sent["method"] == "PUT":
        kind = LEASE if body["kind"] == "Lease" else DEPLOYMENT
        standing = api.objects.get(kind, "wire", body["metadata"]["name"])
        assert standing is not None
        for name in ("uid", "creationTimestamp", *(["resourceVersion"] if kind is LEASE else [])):
            body["metadata"][name] = standing["metadata"][name]
    headers = {**sent["headers"], "authorization": "Bearer emulator"}
    content = b"" if body is None else json.dumps(body).encode()
    return Request(sent["method"], sent["path"], dict(parse_qsl(sent.get("query") or "")), headers, content)
