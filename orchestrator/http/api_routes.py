"""Every path of the API in one table: what is served, who may ask, what may be sent, and what comes back.

The server's routes and the document at /api/v1/openapi.json are both made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from orchestrator.http import api_handlers as does
from orchestrator.http.api_asked import Asked, Told
from orchestrator.http.api_fields import Field, Kind
from orchestrator.words import LONGEST_ACTOR
from strategies.model import CommandKind

ROOT = "/api/v1"
LONGEST_WAIT_SECONDS = 30
Handle = Callable[[Asked], Told]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path; `answers` names the schema of each status that is no error."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    scope: Literal["read", "operate"]
    name: str
    says: str
    handle: Handle
    answers: Mapping[int, str]
    query: tuple[Field, ...] = ()
    body: tuple[Field, ...] = ()
    slow: bool = False
    """Whether it looks at Azure or a registry."""
    waits: bool = False
    """Whether it may be asked to wait until there is something to tell."""
    errors: tuple[int, ...] = ()


_ACTOR = Field(
    "actor", "Who asks; recorded with the name of the token, which this cannot replace.", longest=LONGEST_ACTOR
)
_REASON = Field("reason", "Why; it stands in the journal.", default="")
_WORDS = tuple(kind.value for kind in CommandKind if kind is not CommandKind.SUPERSEDE)
_IMAGE = Field("image", "The image by reference, with tag or digest.", longest=500)
_TAG = Field("tag", "The tag of the manifest's image, in place of `image`.", longest=128)
_MANIFEST = (
    Field("manifest", "The manifest's text: one service.", required=True, longest=4 * 1024 * 1024),
    Field("file", "What the manifest's file is called in messages.", default="manifest.yaml", longest=500),
    Field("templates", "The text of each template, by the path that the manifest names it with.", Kind.TEXTS),
    Field("variables", "The plain variables by name.", Kind.TEXTS),
    _IMAGE,
    _TAG,
)
_AFTER = Field("after", "The number of the last event that is known already.", Kind.NUMBER, default=0)
_WAIT = Field(
    "wait",
    "For how many seconds to wait for an event when there is none yet.",
    Kind.NUMBER,
    default=0,
    most=LONGEST_WAIT_SECONDS,
)
_UNTIL = Field("until", "When it ends by itself; without it, when it is lifted.", Kind.MOMENT)
_BECAUSE = Field("reason", "Why; whoever is held back reads it.", required=True)


def _limit(most: int, default: int) -> Field:
    return Field("limit", "At most how many.", Kind.NUMBER, default=default, least=1, most=most)


def _flag(name: str, says: str) -> Field:
    return Field(name, says, Kind.FLAG, default=False)


_START = (
    *_MANIFEST,
    _flag("redeploy", "New groups even for the revision that serves."),
    _flag("allowOlder", "Take a revision that was promoted before."),
    _flag("retry", "Take a revision that was rolled back before."),
    _flag("emergency", "Skip steps, holds, approvals and poison; needs `reason`."),
    _REASON,
    _ACTOR,
)
_COMMAND = (
    Field("kind", "What the rollout shall do.", required=True, one_of=_WORDS),
    Field("argument", "With `settle`, the side that shall serve: stable or candidate.", default="", longest=20),
    _REASON,
    _ACTOR,
)
_UNDO = (
    Field(
        "to",
        "A revision, tag or digest that was promoted before; without it the one before the last release.",
        longest=200,
    ),
    _flag("steps", "A new rollout goes by the manifest's steps instead of one shift after the probes."),
    _REASON,
    _ACTOR,
)
_PLAN = (
    *_MANIFEST,
    Field("rps", "Assume so many requests per second at each target, whatever its sources say.", Kind.AMOUNT),
    Field("failing", "Assume that so many percent of the requests fail.", Kind.AMOUNT, most=100),
)
_ALL = "/services/{service}"
_SUBMITTED = {200: "Submitted", 201: "Submitted", 202: "Submitted"}

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/services",
        "read",
        "listServices",
        "Where every service stands, by name.",
        does.services,
        {200: "Services"},
        query=(Field("after", "The last name of the page before.", default="", longest=40), _limit(1000, 100)),
    ),
    Route("GET", _ALL, "read", "getService", "Where a service stands.", does.service, {200: "Status"}),
    Route(
        "GET",
        f"{_ALL}/events",
        "read",
        "listEvents",
        "What happened to a service, oldest first; with `wait` answered as soon as there is an event.",
        does.events,
        {200: "Events"},
        query=(_AFTER, _limit(10_000, 1000), _WAIT),
        waits=True,
        errors=(429,),
    ),
    Route(
        "GET",
        f"{_ALL}/history",
        "read",
        "listHistory",
        "Past rollouts of a service, newest first.",
        does.history,
        {200: "History"},
        query=(_limit(10_000, 20),),
    ),
    Route("GET", f"{_ALL}/why", "read", "getWhy", "Why it is where it is, and what to do.", does.why, {200: "Why"}),
    Route("GET", "/watches", "read", "listWatches", "What the watcher sees.", does.watches, {200: "Watches"}),
    Route(
        "POST",
        f"{_ALL}/commands",
        "operate",
        "sayCommand",
        "Say a word to the rollout under way; it is taken within half a second.",
        does.command,
        {200: "Commanded", 409: "Result"},
        body=_COMMAND,
    ),
    Route(
        "POST",
        f"{_ALL}/undo",
        "operate",
        "undo",
        "Take back what was released last, or go back to a revision that was promoted before.",
        does.undo,
        {**_SUBMITTED, 409: "Result"},
        body=_UNDO,
        slow=True,
    ),
    Route(
        "PUT",
        f"{_ALL}/suspension",
        "operate",
        "suspendService",
        "Hold back new rollouts of a service.",
        does.suspend,
        {200: "Suspension"},
        body=(_BECAUSE, _UNTIL, _ACTOR),
    ),
    Route(
        "DELETE",
        f"{_ALL}/suspension",
        "operate",
        "unsuspendService",
        "Let a service be rolled out again.",
        does.unsuspend,
        {200: "Suspension"},
        query=(_REASON, _ACTOR),
    ),
    Route(
        "PUT",
        "/suspension",
        "operate",
        "suspendAll",
        "Hold back new rollouts of every service.",
        does.suspend,
        {200: "Suspension"},
        body=(_BECAUSE, _UNTIL, _ACTOR),
    ),
    Route(
        "DELETE",
        "/suspension",
        "operate",
        "unsuspendAll",
        "Lift the suspension of all.",
        does.unsuspend,
        {200: "Suspension"},
        query=(_REASON, _ACTOR),
    ),
    Route(
        "POST",
        "/rollouts",
        "operate",
        "startRollout",
        "Submit a rollout: 201 begun, 200 attached or nothing to do, 202 when another one must end first.",
        does.start,
        {**_SUBMITTED, 409: "Result"},
        body=_START,
        slow=True,
    ),
    Route(
        "POST",
        "/resolve",
        "operate",
        "resolveImage",
        "Ask the registry which digest an image stands for.",
        does.resolve,
        {200: "Resolved"},
        body=(Field("image", "The image by reference.", required=True, longest=500),),
        slow=True,
    ),
    Route(
        "POST",
        "/tags",
        "operate",
        "listTags",
        "Ask the registry for every tag of a repository.",
        does.tags,
        {200: "Tags"},
        body=(Field("image", "The repository.", required=True, longest=500),),
        slow=True,
    ),
    Route(
        "POST",
        "/plan",
        "operate",
        "planRollout",
        "Every change in order with its time; changes nothing.",
        does.plan,
        {200: "Plans", 409: "Error"},
        body=_PLAN,
        slow=True,
    ),
    Route(
        "POST",
        "/doctor",
        "operate",
        "checkRollout",
        "Everything that would make a rollout fail; changes nothing.",
        does.doctor,
        {200: "Doctor", 409: "Error"},
        body=_MANIFEST,
        slow=True,
    ),
)
