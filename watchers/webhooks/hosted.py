"""Public registries that belong to a platform: Docker Hub, and GitHub's packages."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from watchers.reference import DOCKER_HUB
from watchers.signals import Signal
from watchers.webhooks.reading import Junk, Source, decode, header, shaped, signal

GITHUB_REGISTRY = "ghcr.io"
_PACKAGE_EVENTS = ("registry_package", "package")


class _PushData(Struct):
    tag: str | None = None


class _HubRepository(Struct):
    repo_name: str


class _Push(Struct):
    push_data: _PushData
    repository: _HubRepository


class _Owner(Struct):
    login: str | None = None


class _Tag(Struct):
    name: str | None = None
    digest: str | None = None


class _Container(Struct):
    tag: _Tag | None = None


class _Version(Struct):
    container_metadata: _Container | None = None


class _Package(Struct):
    name: str | None = None
    namespace: str | None = None
    package_type: str | None = None
    owner: _Owner | None = None
    package_version: _Version | None = None


class _PackageEvent(Struct):
    package: _Package | None = None
    registry_package: _Package | None = None


def docker_hub(_headers: Mapping[str, str], body: bytes) -> tuple[Signal, ...]:
    """Read a push to Docker Hub; the address for an answer that it carries is never visited."""
    push = shaped(decode(body), _Push)
    name = push.repository.repo_name
    repository = name if "/" in name else f"library/{name}"
    return (signal(Source.DOCKERHUB, DOCKER_HUB, repository, push.push_data.tag, where="the body"),)


def github(headers: Mapping[str, str], body: bytes) -> tuple[Signal, ...]:
    """Read a `registry_package` or `package` event of a container image; every other event is none.

    The digest or the tag may be missing: then the repository is what changed.
    """
    event = header(headers, "X-GitHub-Event")
    if not event:
        raise Junk("expected the header X-GitHub-Event, which GitHub sends with every delivery")
    if body.startswith(b"payload="):
        raise Junk("the body: expected JSON; got a form: choose the content type application/json in the webhook")
    sent = decode(body)
    if event not in _PACKAGE_EVENTS:
        return ()
    delivery = shaped(sent, _PackageEvent)
    package = delivery.registry_package or delivery.package
    if package is None:
        raise Junk(f"the body.{event}: expected the package that was published")
    if (package.package_type or "").lower() not in {"container", "docker"}:
        return ()
    owner = (package.owner.login if package.owner else None) or package.namespace
    if not owner or not package.name:
        raise Junk(f"the body.{event}: expected `name`, and `owner.login` or `namespace`")
    version = package.package_version
    container = version.container_metadata if version else None
    tag = (container.tag if container else None) or _Tag()
    # Names of people and organizations keep their capitals, names of images have none.
    repository = f"{owner}/{package.name}".lower()
    return (signal(Source.GITHUB, GITHUB_REGISTRY, repository, tag.name, digest=tag.digest, where=f"the body.{event}"),)
