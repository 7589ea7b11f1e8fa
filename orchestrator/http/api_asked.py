"""One question put to the API, and what every handler does with it: who asks, what is known, what was sent."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.cli.options import Format, Options
from orchestrator.cli.output import Output
from orchestrator.cli.session import Session
from orchestrator.clock import Clock
from orchestrator.desk import Desk
from orchestrator.http.answers import Refusal
from orchestrator.result import watch_document
from orchestrator.store.records import Snapshot
from orchestrator.words import LONGEST_ACTOR, BadInput

if TYPE_CHECKING:
    from orchestrator.manifest.loader import Loaded

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """One answer: its status and its document."""

    document: Any
    status: int = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: whom it is put to, what it says, and the name of the token it came with, empty without one."""

    desk: Desk
    clock: Clock
    token: str = ""
    service: str = ""
    given: Document = field(default_factory=dict)
    problems: Callable[[], Sequence[str]] = tuple

    @property
    def actor(self) -> str:
        """Who is recorded."""
        return signed(self.given.get("actor") or "", self.token)

    def session(self) -> Session:
        """A verb's session over this desk, which writes nowhere."""
        options = Options(output=Format.JSON)
        output = Output(options, io.StringIO(), io.StringIO())
        return Session(options, output, self.clock, self.desk.store, self.desk)

    def verb(self, verb: Callable[..., int], *args: Any, **kwargs: Any) -> Document:
        """The one document that a verb prints."""
        session, found = self.session(), list[Document]()
        session.out.hear = lambda document: found.append(dict(document))
        verb(session, *args, **kwargs)
        (document,) = found
        return document


def signed(said: str, token: str) -> str:
    """Who is recorded: what the caller says, and by whose token, so that nobody poses as another in silence."""
    said = " ".join(said.split())[:LONGEST_ACTOR]
    if not token:
        # Without a name of ours behind it, theirs must not read as if there were one.
        return said.replace(" via ", " by way of ") or "api"
    return f"{said} via {token}" if said not in ("", token) else token


def demand_known(asked: Asked) -> None:
    """Raise Refusal 404 for a service that no rollout and no watch has ever named."""
    store, name = asked.desk.store, asked.service
    if store.latest(name) is None and watch_document(store.sighting(name)) is None:
        words = f"nothing is known of a service {name!r} here; /api/v1/services lists those that are"
        raise Refusal(404, "unknownService", words)


def manifest_of(asked: Asked) -> Loaded:
    """The manifest that was sent, checked as strictly as a file; raises ManifestError."""
    from orchestrator.remote.sending import reread

    given = asked.given
    pairs = (tuple((given[name] or {}).items()) for name in ("templates", "variables"))
    templates, variables = pairs
    return reread(Snapshot(given["manifest"], given["file"], templates, variables))


def image_of(asked: Asked, loaded: Loaded, *, ask: bool = True) -> tuple[str | None, str | None]:
    """The wanted digest and tag, asking the registry where only a tag is known; raises BadInput, `watchers.errors`."""
    from orchestrator.cli.inputs import meant
    from watchers.reference import ReferenceProblem

    image, tag = asked.given["image"], asked.given["tag"]
    if image is not None and tag is not None:
        raise BadInput([("tag", "must not be given beside `image`, which says the same thing")])
    try:
        wanted = meant(loaded.manifest.image, image, tag)
    except ReferenceProblem as error:
        raise BadInput([("tag" if image is None else "image", str(error))]) from error
    if wanted is None or not ask:
        return None, None
    return wanted.digest or asked.desk.digest(wanted), wanted.tag if wanted.digest else wanted.asked
