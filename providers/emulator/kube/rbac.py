"""Who may do what: users with tokens, rules as Roles and ClusterRoles hold them, and reviews of one's own access."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.emulator.kube import decode
from providers.emulator.kube.call import Reply
from providers.emulator.kube.status import Causes, Refusal, bad_request, forbidden, invalid, unauthorized

Json = dict[str, Any]
ADMIN, ANONYMOUS = "kubernetes-admin", "system:anonymous"
ADMIN_TOKEN = "emulator"  # noqa: S105 - the fake's own, of no use anywhere else
_OPEN_TO_ALL = ("/version", "/healthz", "/livez", "/readyz")
_DISCOVERY = ("/api", "/apis", "/openapi")
_REVIEW = "authorization.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done: `namespace` None is the cluster scope, `name` None a collection."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """Rules of one role, bound in one namespace, or everywhere when it is None."""

    rules: tuple[Mapping[str, Any], ...]
    namespace: str | None
    role: str
    kind: str


@dataclass(slots=True)
class User:
    """One identity; an administrator may do everything."""

    name: str
    admin: bool = False
    grants: list[Grant] = field(default_factory=list)

    def may(self, asked: Asked) -> str | None:
        """Return the reason why something is allowed (empty for an administrator), None when it is not."""
        if self.admin:
            return ""
        for grant in self.grants:
            if grant.namespace not in (None, asked.namespace):
                continue
            if any(_matches(rule, asked) for rule in grant.rules):
                return self._reason(grant)
        return None

    def _reason(self, grant: Grant) -> str:
        binding = "ClusterRoleBinding" if grant.namespace is None else "RoleBinding"
        bound = self.name if grant.namespace is None else f"{self.name}/{grant.namespace}"
        return f'RBAC: allowed by {binding} "{bound}" of {grant.kind} "{grant.role}" to User "{self.name}"'

    def check(self, asked: Asked) -> None:
        """Raise Refusal (403) for what is not allowed."""
        if self.may(asked) is not None:
            return
        whole = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
        what = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        where = "at the cluster scope" if asked.namespace is None else f'in the namespace "{asked.namespace}"'
        named = f' "{asked.name}"' if asked.name else ""
        details = {
            **({"name": asked.name} if asked.name else {}),
            **({"group": asked.group} if asked.group else {}),
            "kind": asked.resource,
        }
        raise forbidden(
            f'{whole}{named} is forbidden: User "{self.name}" cannot {asked.verb} resource "{what}"'
            f' in API group "{asked.group}" {where}',
            details,
        )

    def check_path(self, path: str) -> None:
        """Raise Refusal (403) for a path that is no resource and not open to this user."""
        words = _OPEN_TO_ALL if self.name == ANONYMOUS else (*_OPEN_TO_ALL, *_DISCOVERY)
        if self.admin or any(path == word or path.startswith(f"{word}/") for word in words):
            return
        raise forbidden(f'forbidden: User "{self.name}" cannot get path "{path}"', {})


def _matches(rule: Mapping[str, Any], asked: Asked) -> bool:
    resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    names = rule.get("resourceNames") or ()
    return (
        _among(rule.get("verbs"), asked.verb)
        and _among(rule.get("apiGroups"), asked.group)
        and (_among(rule.get("resources"), resource) or f"*/{asked.subresource}" in (rule.get("resources") or ()))
        and (not names or asked.name in names)
    )


def _among(words: Iterable[str] | None, word: str) -> bool:
    return any(one in ("*", word) for one in words or ())


class Users:
    """All identities of a cluster. While none was added, every token is the administrator's."""

    def __init__(self) -> None:
        self.admin = User(ADMIN, admin=True)
        self.anonymous = User(ANONYMOUS)
        self._named: dict[str, User] = {ADMIN: self.admin, ANONYMOUS: self.anonymous}
        self._tokens: dict[str, User] = {}

    @property
    def open(self) -> bool:
        """Whether nobody was added, so that every token is the administrator's."""
        return not self._tokens

    def add(self, name: str, token: str | None = None) -> User:
        """Add a user who may do nothing yet, known by a token (default: the name)."""
        user = self._named.setdefault(name, User(name))
        self._tokens[token or name] = user
        return user

    def grant(self, name: str, role: Mapping[str, Any], namespace: str | None = None) -> None:
        """Bind a Role or ClusterRole (its JSON) to a user; a Role counts in its own namespace unless one is given."""
        user = self._named.get(name) or self.add(name)
        kind, metadata = role.get("kind", "Role"), role.get("metadata") or {}
        where = namespace if namespace is not None or kind == "ClusterRole" else metadata.get("namespace", "default")
        user.grants.append(Grant(tuple(role.get("rules") or ()), where, metadata.get("name", name), kind))

    def named(self, name: str | None) -> User:
        """Find a user by name; None is the administrator. Raises KeyError for one who was not added."""
        return self.admin if name is None else self._named[name]

    def by_header(self, authorization: str | None) -> User:
        """Find who sends an Authorization header; raises Refusal (401) for a token that nobody has."""
        if not authorization:
            return self.anonymous
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized()
        if self.open or token.strip() == ADMIN_TOKEN:
            return self.admin
        found = self._tokens.get(token.strip())
        if found is None:
            raise unauthorized()
        return found


def review(user: User, plural: str, body: bytes) -> Reply:
    """Answer a review of one's own access or rules; both are always 201."""
    try:
        asked = decode.parse_json(body)
    except decode.Undecodable as error:
        raise bad_request(str(error)) from error
    spec = (asked.get("spec") if isinstance(asked, dict) else None) or {}
    if plural == "selfsubjectrulesreviews":
        return _rules_review(user, spec)
    attributes, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (attributes is None) == (path is None):
        raise _not_one(attributes)
    path_allowed = path is not None and _path_allowed(user, str(path.get("path", "")))
    status = {"allowed": path_allowed} if attributes is None else _access(user, attributes)
    answer = {"kind": "SelfSubjectAccessReview", "apiVersion": _REVIEW, "metadata": {}, "spec": spec}
    return Reply(201, {**answer, "status": status})


def _not_one(attributes: Any) -> Refusal:
    causes = Causes()
    told = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
    causes.invalid("spec.resourceAttributes", attributes, told)
    return invalid('.authorization.k8s.io ""', {"group": "authorization.k8s.io"}, causes.found)


def _access(user: User, attributes: Mapping[str, Any]) -> Json:
    asked = Asked(
        attributes.get("verb", ""),
        attributes.get("group", ""),
        attributes.get("resource", ""),
        attributes.get("subresource", ""),
        attributes.get("namespace") or None,
        attributes.get("name") or None,
    )
    reason = user.may(asked)
    return {"allowed": reason is not None, **({"reason": reason} if reason else {})}


def _path_allowed(user: User, path: str) -> bool:
    try:
        user.check_path(path)
    except Refusal:
        return False
    return True


def _rules_review(user: User, spec: Mapping[str, Any]) -> Reply:
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    found = [dict(rule) for one in user.grants if one.namespace in (None, spec.get("namespace")) for rule in one.rules]
    status = {"resourceRules": [everything] if user.admin else found, "nonResourceRules": [], "incomplete": False}
    answer = {"kind": "SelfSubjectRulesReview", "apiVersion": _REVIEW, "metadata": {}, "spec": dict(spec)}
    return Reply(201, {**answer, "status": status})
