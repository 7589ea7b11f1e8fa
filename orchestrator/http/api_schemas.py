"""The shapes of the API's answers in JSON Schema: the contract's documents, as the command line makes them."""

from __future__ import annotations

from typing import Any

from strategies.gates import MetricKind, When
from strategies.phases import Phase

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
NUMBER: Schema = {"type": "number"}
MAYBE_NUMBER: Schema = {"type": ["number", "null"]}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
ANY: Schema = {"type": "object"}
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_OUTCOMES = ("promoted", "rolledBack", "waiting", "timedOut", "superseded", "refused", "stuck", "running", "none")
_PHASES = [phase.value for phase in Phase]


def ref(name: str) -> Schema:
    """Point at a shape by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def a(*optional: str, **properties: Schema) -> Schema:
    """An object with these properties; all of them are there but the `optional` ones, and more may come."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


def many(of: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": of}


def or_null(name: str) -> Schema:
    """A shape, or nothing."""
    return {"anyOf": [ref(name), {"type": "null"}]}


def _with(base: Schema, *optional: str, **more: Schema) -> Schema:
    """The same object with further properties."""
    required = [*base["required"], *(name for name in more if name not in optional)]
    return {**base, "properties": {**base["properties"], **more}, "required": required}


_SCHEMA: Schema = {"const": 1, "description": "The version of this shape."}
_RESULT = a(
    schema=_SCHEMA,
    rollout=MAYBE_TEXT,
    service=TEXT,
    outcome={"enum": list(_OUTCOMES)},
    phase={"enum": [*_PHASES, None]},
    engine={"enum": ["daemon", "self", "none"]},
    share=ref("Share"),
    startedAt=MAYBE_TIME,
    endedAt=MAYBE_TIME,
    reason=ref("Reason"),
    stable=or_null("Side"),
    candidate=or_null("Side"),
    targets=many(ref("Target")),
    leftovers=many(ref("Leftover")),
)
_CHECK_STATES = ("pending", "running", "passed", "failed", "unknown")
_COUNTED = a(candidateRequests=WHOLE, candidateFailures=WHOLE, stableRequests=WHOLE, stableFailures=WHOLE)
_WHEN = many({"enum": [when.value for when in When]})
_METRIC = _with(
    _COUNTED,
    name=TEXT,
    kind={"enum": [kind.value for kind in MetricKind if kind is not MetricKind.CHECK]},
    when=_WHEN,
    dryRun=FLAG,
    weight=NUMBER,
    e=MAYBE_NUMBER,
    limit=WHOLE,
    proof=MAYBE_NUMBER,
    proofLimit=WHOLE,
    since=MAYBE_TIME,
    until=MAYBE_TIME,
    stepCandidateRequests=WHOLE,
    stepStableRequests=WHOLE,
    candidateAt=MAYBE_TIME,
    stableAt=MAYBE_TIME,
    lateSeconds=NUMBER,
    problem=MAYBE_TEXT,
    mistaken=FLAG,
    rateBefore=MAYBE_NUMBER,
    quietSince=MAYBE_TIME,
    quietUntil=MAYBE_TIME,
    countsProbes=FLAG,
)
_CHECK = a(
    name=TEXT,
    when=_WHEN,
    dryRun=FLAG,
    step={"type": ["integer", "null"]},
    state={"enum": list(_CHECK_STATES)},
    at=MAYBE_TIME,
    why=TEXT,
    output=TEXT,
    attempt=WHOLE,
)
_WATCH = a(
    image=MAYBE_TEXT,
    rule=MAYBE_TEXT,
    tag=MAYBE_TEXT,
    digest=MAYBE_TEXT,
    seenAt=MAYBE_TIME,
    outcome=MAYBE_TEXT,
    message=MAYBE_TEXT,
    problem=MAYBE_TEXT,
    problemAt=MAYBE_TIME,
)

SCHEMAS: dict[str, Schema] = {
    "Share": a(intended=MAYBE_NUMBER, confirmed=MAYBE_NUMBER, observed=MAYBE_NUMBER),
    "Reason": a(code=TEXT, message=TEXT, evidence=ANY),
    "Group": a(target=TEXT, name=TEXT, id=MAYBE_TEXT, fqdn=MAYBE_TEXT, url=MAYBE_TEXT, state=TEXT),
    "Side": a(revision=MAYBE_TEXT, digest=MAYBE_TEXT, image=MAYBE_TEXT, tag=MAYBE_TEXT, groups=many(ref("Group"))),
    "Metric": {**_METRIC, "description": "What one source has said; the limits are those of all of them together."},
    "Check": {**_CHECK, "description": "A check at one step; pending where it has not been begun at any."},
    "Evidence": _with(
        _COUNTED,
        e=NUMBER,
        limit=WHOLE,
        proof=MAYBE_NUMBER,
        proofLimit=WHOLE,
        metrics=many(ref("Metric")),
        checks=many(ref("Check")),
    ),
    "Leftover": a(target=TEXT, name=TEXT, id=MAYBE_TEXT, why=TEXT),
    "Target": a(
        name=TEXT,
        wave=WHOLE,
        phase={"enum": _PHASES},
        step=WHOLE,
        steps=WHOLE,
        share=ref("Share"),
        since=MAYBE_TIME,
        note=TEXT,
        waitsForPerson=FLAG,
        decidesAt=MAYBE_TIME,
        address=MAYBE_TEXT,
        evidence=ref("Evidence"),
        reason=or_null("Reason"),
        problem=MAYBE_TEXT,
        driftSince=MAYBE_TIME,
    ),
    "Result": _RESULT,
    "Status": _with(_RESULT, watch=or_null("Watch")),
    "Commanded": _with(_RESULT, command={"type": ["integer", "null"]}),
    "Submitted": _with(
        _RESULT, way={"enum": ["begun", "attached", "after", "nothing", "returning"]}, message=TEXT, notes=many(TEXT)
    ),
    "Services": a(schema=_SCHEMA, services=many(ref("Status")), next=MAYBE_TEXT),
    "Event": a(seq=WHOLE, at=MAYBE_TIME, rollout=TEXT, kind=TEXT, target=MAYBE_TEXT, data=ANY),
    "Events": a(schema=_SCHEMA, service=TEXT, events=many(ref("Event")), next=WHOLE),
    "Past": a(
        rollout=TEXT,
        service=TEXT,
        number=WHOLE,
        outcome={"enum": list(_OUTCOMES)},
        phase={"enum": _PHASES},
        revision=TEXT,
        digest=TEXT,
        image=TEXT,
        tag=MAYBE_TEXT,
        previous=MAYBE_TEXT,
        startedAt=MAYBE_TIME,
        endedAt=MAYBE_TIME,
        reason=ref("Reason"),
    ),
    "History": a(schema=_SCHEMA, rollouts=many(ref("Past"))),
    "Why": a(
        schema=_SCHEMA,
        service=TEXT,
        rollout=MAYBE_TEXT,
        outcome=TEXT,
        phase={"enum": [*_PHASES, None]},
        reason=ref("Reason"),
        rules=many(a(target=MAYBE_TEXT, rule=TEXT, says=TEXT, since=MAYBE_TIME, value={}, limit={})),
        commands=many(a(command=TEXT, does=TEXT)),
        watch=or_null("Watch"),
    ),
    "Watch": _WATCH,
    "Watches": a(schema=_SCHEMA, watches=many(_with(_WATCH, service=TEXT, rollout=MAYBE_TEXT)), problems=many(TEXT)),
    "Suspension": a(
        schema=_SCHEMA, service=MAYBE_TEXT, suspended=FLAG, until=MAYBE_TIME, reason=MAYBE_TEXT, known=FLAG
    ),
    "Resolved": a(schema=_SCHEMA, image=TEXT, digest=TEXT),
    "Tags": a(schema=_SCHEMA, image=TEXT, tags=many(TEXT)),
    "Plans": a(
        schema=_SCHEMA,
        plans=many(
            a(
                service=TEXT,
                nothingToDo=FLAG,
                read=FLAG,
                notes=many(TEXT),
                candidate=ANY,
                stable={"type": ["object", "null"]},
                changes=many(ANY),
                seconds=ANY,
                rollback={"type": ["object", "null"]},
                writes=ANY,
            )
        ),
    ),
    "Doctor": a(
        schema=_SCHEMA,
        service=TEXT,
        ok=FLAG,
        findings=many(
            a(level={"enum": ["ok", "warn", "fail"]}, target=MAYBE_TEXT, subject=TEXT, message=TEXT, remedy=TEXT)
        ),
    ),
    "Error": a(
        error=a(
            "problems",
            code=TEXT,
            message=TEXT,
            problems=many(
                {"type": "object", "properties": {"path": TEXT, "message": TEXT}, "required": ["path", "message"]}
            ),
        )
    ),
}
