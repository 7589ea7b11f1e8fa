"""What is wrong with the way to a source: addresses, headers, certificates, and where Azure's identity may be shown."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from orchestrator.manifest.metric_build import MANAGED
from orchestrator.manifest.metric_models import Metric, Prometheus, Webhook
from orchestrator.manifest.problems import Mistake, Path, shown

_OUR_HEADERS = ("connection", "content-length", "content-type", "transfer-encoding")
_SIGNED_IN = "authorization"


def access_mistakes(metric: Metric, path: Path) -> Iterator[Mistake]:
    """Judge how the source at `path` is reached, where it has an address."""
    for word, part in (("prometheus", metric.prometheus), ("webhook", metric.webhook)):
        if part is not None:
            url = urlsplit(part.url)
            yield from _headers(part, (*path, word))
            yield from _certificates(part, url, (*path, word))
            if part.auth == "azure":
                yield from _signed_in(part, url, (*path, word))
    if metric.prometheus is not None:
        yield from _server(urlsplit(metric.prometheus.url), (*path, "prometheus", "url"))
    if metric.webhook is not None and (metric.webhook.auth == "azure") != (metric.webhook.scope is not None):
        yield from _scope(metric.webhook, (*path, "webhook"))


def _server(url: SplitResult, path: Path) -> Iterator[Mistake]:
    if url.query:
        yield Mistake(path, f"must be the server's address without a query; got ?{url.query[:40]}")
    if "/api/v1" in url.path:
        yield Mistake(path, f"must be the server's address without /api/v1, which is added; got {shown(url.path)}")


def _headers(part: Prometheus | Webhook, path: Path) -> Iterator[Mistake]:
    known: dict[str, str] = {}
    for name in part.headers:
        place, small = (*path, "headers", name), name.lower()
        first = known.setdefault(small, name)
        if first != name:
            message = f"must be given once, whatever the letter case; got {shown(name)} beside {shown(first)}"
            yield Mistake(place, message)
        if small in _OUR_HEADERS:
            yield Mistake(place, "must be left out: it is set by whoever sends the request")
        if small == _SIGNED_IN and part.auth == "azure":
            yield Mistake(place, "must be left out beside auth: azure, which sends it", ((*path, "auth"),))


def _certificates(part: Prometheus | Webhook, url: SplitResult, path: Path) -> Iterator[Mistake]:
    if part.ca is None:
        return
    needs = ((*path, "url"), (*path, "verify"))
    if url.scheme != "https":
        yield Mistake((*path, "ca"), "must stand beside an https address: http shows no certificate", needs)
    elif not part.verify:
        yield Mistake((*path, "ca"), "must be left out beside verify: false, which trusts everybody", needs)


def _signed_in(part: Prometheus | Webhook, url: SplitResult, path: Path) -> Iterator[Mistake]:
    """A token of Azure's goes to nobody but whom it is meant for, and never in the clear."""
    needs: tuple[Path, ...] = ((*path, "auth"),)
    host = (url.hostname or "").lower().rstrip(".")
    if _here(host):
        return
    if url.scheme != "https":
        yield Mistake((*path, "url"), "must be https with auth: azure, for plain http would show the token", needs)
    if isinstance(part, Prometheus) and not host.endswith(MANAGED):
        known = ", ".join(f"*{end}" for end in MANAGED)
        message = f"must be a server of Azure Monitor ({known}) with auth: azure; got {shown(host)}"
        yield Mistake((*path, "url"), f"{message}; give any other its token in `headers`", needs)
    if not part.verify:
        yield Mistake((*path, "verify"), "must be true with auth: azure: anybody could take the token", needs)


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _scope(hook: Webhook, path: Path) -> Iterator[Mistake]:
    needs: tuple[Path, ...] = ((*path, "auth"), (*path, "scope"))
    if hook.scope is None:
        message = "must be given with auth: azure: the scope of the token, as api://<application>/.default; got nothing"
        yield Mistake((*path, "scope"), message, needs)
    else:
        yield Mistake((*path, "scope"), "must stand beside auth: azure; without it no token is sent", needs)
