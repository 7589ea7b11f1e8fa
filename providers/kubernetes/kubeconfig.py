"""Where a context's API server is and who we are to it, read from kubeconfig files as kubectl reads them.

The client's own loader is not used: it runs an exec plugin for as long as that likes, reads a token file once and never
again, leaves private keys in files that all its loaders share, and knows nothing of impersonation.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from providers.errors import Invalid, NotSent
from providers.kubernetes.settings import IN_CLUSTER

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its service account's token and the cluster's certificate authority."""
Found = dict[str, tuple[Mapping[str, Any], Path]]


@dataclass(frozen=True, slots=True)
class Plugin:
    """A program that hands out credentials (`az`, `kubelogin`), as a kubeconfig's `exec` says."""

    command: str
    api_version: str
    args: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    cluster: Mapping[str, Any] | None = field(default=None, repr=False)
    """What the program is told of the cluster; None where it is told nothing."""
    hint: str = ""
    """How to install it, in its makers' words."""
    needs_terminal: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """Who we are: any of a token, a file with one, a client certificate and its key (PEM), a password, or a plugin."""

    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    plugin: Plugin | None = None
    impersonates: tuple[tuple[str, str], ...] = ()
    """Headers that say as whom we act."""


@dataclass(frozen=True, slots=True)
class Access:
    """One context resolved: the server's URL without a final slash, how it is trusted, who we are.

    `fingerprint` changes with any file that this was read from.
    """

    server: str
    user: User
    authority: bytes | None = field(default=None, repr=False)
    """The certificate authority (PEM); None means the system's."""
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None
    fingerprint: str = ""

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine."""
        host = urlsplit(self.server).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def load(context: str, kubeconfig: Path | None = None) -> Access:
    """Resolve a context; raises Invalid with what is wrong, which contexts there are, and in which files.

    A file that is not there or cannot be read is NotSent: somebody may be writing it. `kubeconfig` None means the files
    that KUBECONFIG lists (the first to name a thing wins), else `~/.kube/config`.
    """
    return _in_cluster() if context == IN_CLUSTER else _Files(kubeconfig).access(context)


def _in_cluster() -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    token, authority = ACCOUNT / "token", ACCOUNT / "ca.crt"
    if not (host and port and token.is_file() and authority.is_file()):
        message = f"context {IN_CLUSTER}: expected a service account in {ACCOUNT} and KUBERNETES_SERVICE_HOST"
        raise Invalid(f"{message}; this process runs in no pod that has them", code="NotInCluster")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    trusted = _bytes(authority, "the cluster's certificate authority")
    return Access(server, User(token_file=token), trusted, fingerprint=hashlib.sha256(trusted).hexdigest())


class _Files:
    """Some kubeconfig files, merged; remembers what was read for the fingerprint."""

    def __init__(self, kubeconfig: Path | None) -> None:
        listed = [str(kubeconfig)] if kubeconfig else os.environ.get("KUBECONFIG", "").split(os.pathsep)
        self.paths = [Path(text).expanduser() for text in listed if text] or [Path("~/.kube/config").expanduser()]
        self._hash = hashlib.sha256()
        self.found: dict[str, Found] = {"clusters": {}, "contexts": {}, "users": {}}
        present = [path for path in self.paths if path.is_file()]
        if not present:
            remedy = "make one (az aks get-credentials, az connectedk8s proxy) or say where it is in KUBECONFIG"
            raise NotSent(f"kubeconfig {self.named}: there is no such file; {remedy}", code="NoKubeconfig")
        for path in present:
            self._merge(path)

    @property
    def named(self) -> str:
        """The files' names, for messages."""
        return ", ".join(map(str, self.paths))

    def access(self, context: str) -> Access:
        """Resolve one context."""
        chosen, path = self._one("contexts", context, "context")
        cluster, beside = self._one("clusters", str(chosen.get("cluster") or ""), f"cluster of context {context}")
        user: Mapping[str, Any] = {}
        if chosen.get("user"):
            user, path = self._one("users", str(chosen["user"]), f"user of context {context}")
        server = str(cluster.get("server") or "").rstrip("/")
        authority = self._pem(cluster, "certificate-authority", beside)
        who = self._user(user, path, cluster, authority)
        made = Access(
            server,
            who,
            authority,
            verify=not cluster.get("insecure-skip-tls-verify"),
            server_name=cluster.get("tls-server-name") or None,
            proxy=cluster.get("proxy-url") or None,
            fingerprint=self._hash.hexdigest(),
        )
        _check(made, f"kubeconfig {beside}: context {context}")
        return made

    def _merge(self, path: Path) -> None:
        import yaml

        text = _bytes(path, "a kubeconfig")
        self._hash.update(text)
        try:
            whole = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
        except yaml.YAMLError as error:
            said = " ".join(str(error).split())
            raise NotSent(f"kubeconfig {path}: expected YAML; {said}", code="Kubeconfig") from error
        if whole is None:
            return
        for kind, known in self.found.items():
            listed = whole.get(kind) if isinstance(whole, Mapping) else whole
            for item in listed if isinstance(listed, list) else []:
                inner = item.get(kind[:-1]) if isinstance(item, Mapping) else None
                if isinstance(inner, Mapping):
                    known.setdefault(str(item.get("name")), (inner, path))

    def _one(self, kind: str, name: str, what: str) -> tuple[Mapping[str, Any], Path]:
        if name not in self.found[kind]:
            known = ", ".join(sorted(self.found[kind])) or "none"
            message = f"kubeconfig {self.named}: {what}: expected one of the {kind} it has ({known}); got {name!r}"
            raise Invalid(message, code="NoContext")
        return self.found[kind][name]

    def _user(self, user: Mapping[str, Any], path: Path, cluster: Mapping[str, Any], authority: bytes | None) -> User:
        plugin = user.get("exec")
        old = ((user.get("auth-provider") or {}).get("config") or {}) if "auth-provider" in user else {}
        token = user.get("token") or old.get("id-token") or old.get("access-token")
        named = user.get("tokenFile")
        basic = (str(user["username"]), str(user.get("password") or "")) if user.get("username") else None
        groups = tuple(("Impersonate-Group", str(group)) for group in user.get("as-groups") or ())
        return User(
            token=str(token) if token else None,
            token_file=path.parent / str(named) if named else None,
            certificate=self._pem(user, "client-certificate", path),
            key=self._pem(user, "client-key", path),
            basic=basic,
            plugin=_plugin(plugin, path, cluster, authority) if isinstance(plugin, Mapping) else None,
            impersonates=(("Impersonate-User", str(user["as"])), *groups) if user.get("as") else (),
        )

    def _pem(self, within: Mapping[str, Any], key: str, path: Path) -> bytes | None:
        """Read what stands under `key` as data (which wins) or as the name of a file beside the kubeconfig."""
        if within.get(f"{key}-data"):
            try:
                return base64.b64decode(str(within[f"{key}-data"]), validate=True)
            except ValueError as error:
                raise Invalid(f"kubeconfig {path}: {key}-data: expected base64; {error}", code="Kubeconfig") from error
        if not within.get(key):
            return None
        content = _bytes(path.parent / str(within[key]), f"{key} of kubeconfig {path}")
        self._hash.update(content)
        return content


def _plugin(said: Mapping[str, Any], path: Path, cluster: Mapping[str, Any], authority: bytes | None) -> Plugin:
    command, version = str(said.get("command") or ""), str(said.get("apiVersion") or "")
    if not command or not version:
        raise Invalid(f"kubeconfig {path}: user.exec: expected `command` and `apiVersion`", code="Kubeconfig")
    if os.sep in command:
        command = str(path.parent / command)
    told: dict[str, Any] | None = None
    if said.get("provideClusterInfo"):
        told = {
            key: cluster[key]
            for key in ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url")
            if key in cluster
        }
        if authority is not None:
            told["certificate-authority-data"] = base64.b64encode(authority).decode()
        extensions = {str(item.get("name")): item.get("extension") for item in cluster.get("extensions") or ()}
        told["config"] = extensions.get("client.authentication.k8s.io/exec")
    return Plugin(
        command,
        version,
        tuple(str(arg) for arg in said.get("args") or ()),
        tuple((str(item.get("name")), str(item.get("value"))) for item in said.get("env") or ()),
        told,
        " ".join(str(said.get("installHint") or "").split()),
        said.get("interactiveMode") == "Always",
    )


def _check(access: Access, subject: str) -> None:
    parts = urlsplit(access.server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        message = f"{subject}: server: expected a URL like https://host:6443; got {access.server!r}"
        raise Invalid(message, code="Kubeconfig")
    if parts.scheme == "http" and not access.loopback:
        message = f"{subject}: server: expected https, because {access.server} is not on this machine"
        raise Invalid(message, code="Kubeconfig")
    if (access.user.certificate is None) != (access.user.key is None):
        message = f"{subject}: user: expected client-certificate and client-key, both or neither"
        raise Invalid(message, code="Kubeconfig")


def _bytes(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotSent(f"{what}: {path} cannot be read: {error.strerror}", code="Kubeconfig") from error
