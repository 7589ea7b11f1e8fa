"""The Markdown page of a run: what became of it, where each target stands, why, what to do next, and what happened.

Every word from outside is written so that it stays a word: no table cell, link or tag can be made by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from orchestrator.ci.story import Ended, check, number, version
from orchestrator.units import about, measured
from strategies.events import Event, Value, telling

LIMIT_BYTES = 1024 * 1024
"""What GitHub takes for one step; a larger page would be refused as a whole."""
_SIGNS = {
    "promoted": "✅",
    "none": "✅",
    "rolledBack": "↩️",
    "waiting": "⏸️",
    "running": "▶️",
    "timedOut": "⏱️",
    "interrupted": "⏱️",
    "superseded": "⏭️",
}
_SPECIAL = re.compile(r"([\\`*_\[\]#!|~$@]|^[-+=:])")
_NUMBERED = re.compile(r"^(\d+)(?=[.)](?:\s|$))")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_LONGEST = 2000
_DIGESTS = frozenset({"revision", "digest", "previous", "by"})


def summary(ended: Ended, limit_bytes: int = LIMIT_BYTES) -> str:
    """Write the page, in at most `limit_bytes` of UTF-8: what is too much is left out of the middle of the events."""
    head, rows = "\n".join(_head(ended)), [_event(event) for event in ended.journal]
    page = _page(head, rows, f"{len(rows)} events")
    if len(page.encode()) > limit_bytes:
        room = limit_bytes - len(_page(head, [""], f"{len(rows)} events, {len(rows)} of them left out").encode())
        kept, left_out = _fitting(rows, room)
        page = _page(head, kept, f"{len(rows)} events, {left_out} of them left out")
    return _cut(page, limit_bytes)


def words(text: object) -> str:
    """Text from outside as words of Markdown on one line, at most 2,000 characters of it."""
    said = _SPACE.sub(" ", str(text)).strip()
    said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]} …"
    said = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A bare address would become a link by itself.
    said = _NUMBERED.sub(r"\1\\", _SPECIAL.sub(r"\\\1", said))
    return said.replace("://", ":&#47;&#47;").replace("www.", "www&#46;")


def code(text: object) -> str:
    """Text from outside as code on one line, fit for a table's cell too."""
    said = _SPACE.sub(" ", str(text)).replace("`", "'").strip()[:_LONGEST]
    return f"`{said}`".replace("|", "\\|") if said else ""


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of cells that are Markdown already, with an empty line before it."""
    return ["", _row(heads), _row(["---"] * len(heads)), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(ended: Ended) -> Iterator[str]:
    name = " ".join(filter(None, (words(ended.service), words(version(ended.side("candidate"))))))
    yield f"## {_SIGNS.get(ended.outcome, '❌')} {name}: {ended.headline}"
    yield f"\n{words(ended.reason['message'])}"
    rows = [[label, value] for label, value in _facts(ended) if value]
    yield from table(["", ""], rows)
    if ended.targets:
        yield "\n### Targets"
        yield from table(
            [
                "Target",
                "Wave",
                "Phase",
                "Step",
                "Confirmed",
                "Observed",
                "New: failed / requests",
                "Old: failed / requests",
                "Note",
            ],
            [_target(target) for target in ended.targets],
        )
    sources = [row for target in ended.targets for row in _sources(target)]
    if sources:
        yield "\n### Sources"
        heads = ["Target", "Source", "New: failed / requests", "Old: failed / requests", "Against", "Proof", "Note"]
        yield from table(heads, sources)
    if ended.evidence:
        yield "\n### Evidence"
        yield from table(["", ""], [[words(key), code(value)] for key, value in ended.evidence])
    left = ended.document.get("leftovers") or ()
    if left:
        yield "\n### Left over\n"
        yield from (
            f"- {words(each.get('target'))}: {code(each.get('name'))}: {words(each.get('why'))}" for each in left
        )
    if ended.ways:
        yield "\n### What to do next\n"
        yield from (f"- {code(command)}: {words(does)}" for command, does in ended.ways)


def _facts(ended: Ended) -> Iterator[tuple[str, str]]:
    new, old = ended.side("candidate"), ended.side("stable")
    yield "Version", " → ".join(filter(None, (code(version(old)), code(version(new)))))
    if new.get("digest"):
        yield "Image", code(f"{new['image']}@{new['digest']}" if new.get("image") else new["digest"])
    yield "Revision", code(new.get("revision") or "")
    yield "Rollout", code(ended.document.get("rollout") or "")
    if ended.document.get("startedAt"):
        over = ended.document.get("endedAt") is not None
        yield "Time", f"{_clock(ended.began)} UTC, {'took' if over else 'for'} {_span(ended.seconds)}"
    if ended.outcome in ("waiting", "timedOut", "interrupted", "running") and ended.document.get("engine"):
        goes_on = ended.document["engine"] == "daemon"
        yield "Engine", "another process goes on" if goes_on else "none: nothing moves until it is run again"
    asked = next((dict(event.data) for event in ended.journal if event.kind == "rollout_requested"), {})
    yield "Asked for by", words(asked.get("actor") or "")
    yield "Because", words(asked.get("reason") or "")
    yield "Exit code", str(ended.code)
    yield "Run", f"<{ended.link}>" if re.fullmatch(r"https?://[\w./:?=&%#+,~-]+", ended.link) else ""


def _target(target: Mapping[str, Any]) -> list[str]:
    share, seen = target.get("share") or {}, target.get("evidence") or {}
    note = target.get("problem") or (target.get("reason") or {}).get("message") or target.get("note") or ""
    return [
        words(target["name"]),
        str(target.get("wave", "")),
        words(target["phase"]),
        f"{target.get('step', 0)} of {target.get('steps', 0)}",
        _percent(share.get("confirmed")),
        _percent(share.get("observed")),
        _ratio(seen.get("candidateFailures"), seen.get("candidateRequests")),
        _ratio(seen.get("stableFailures"), seen.get("stableRequests")),
        words(note),
    ]


def _sources(target: Mapping[str, Any]) -> Iterator[list[str]]:
    """What each source has counted and each check has said, against the limits."""
    seen, name = target.get("evidence") or {}, words(target["name"])
    for each in seen.get("metrics") or ():
        ratios = [_ratio(each.get(f"{side}Failures"), each.get(f"{side}Requests")) for side in ("candidate", "stable")]
        limits = [_of(each.get("e"), each.get("limit")), _of(each.get("proof"), each.get("proofLimit"))]
        note = "reports only" if each.get("dryRun") else ""
        note = "; ".join(filter(None, (note, words(each.get("problem") or ""))))
        yield [name, words(each["name"]), *ratios, *limits, note]
    for each in seen.get("checks") or ():
        if each.get("step") is not None:
            yield [name, words(each["name"]), *["–"] * 4, words(check(each))]


def _of(value: float | None, limit: float | None) -> str:
    return "–" if value is None or limit is None else f"{words(number(value))} of {words(number(limit))}"


def _ratio(failed: int | None, of: int | None) -> str:
    return f"{failed or 0} / {of}" if of else "–"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1f}".removesuffix(".0") + " %"


def _event(event: Event) -> str:
    of = about(event.kind, dict(event.data))
    said = [f"{words(key)}={words(_short(key, value, of))}" for key, value in telling(event)]
    return _row([f"{event.at.astimezone(UTC):%H:%M:%S}", words(event.target or ""), words(event.kind), ", ".join(said)])


def _short(key: str, value: Value, of: str) -> str:
    return str(value).removeprefix("sha256:")[:12] if key in _DIGESTS else measured(key, value, of)


def _page(head: str, rows: Sequence[str], title: str) -> str:
    if not rows:
        return f"{head}\n"
    # The table needs an empty line before it, else it is taken for HTML.
    lines = [head, "", "### What happened", "", f"<details><summary>{title}</summary>"]
    return "\n".join([*lines, *table(["Time (UTC)", "Target", "Event", ""], []), *rows, "", "</details>", ""])


def _fitting(rows: Sequence[str], room: int) -> tuple[list[str], int]:
    """The first and the last rows that fit, and how many do not; beginning and end say more than the middle."""
    sizes, first, last = [len(row.encode()) + 1 for row in rows], 0, len(rows)
    gap = _row(["…", "", "", "…"])
    room -= len(gap.encode()) + 1
    while first < last:
        take_first = first * 3 < len(rows) - last
        size = sizes[first] if take_first else sizes[last - 1]
        if size > room:
            break
        room -= size
        first, last = (first + 1, last) if take_first else (first, last - 1)
    return [*rows[:first], gap, *rows[last:]], last - first


def _cut(page: str, limit_bytes: int) -> str:
    if len(page.encode()) <= limit_bytes:
        return page
    told = "\n\n(The rest did not fit.)\n"
    kept = page.encode()[: max(limit_bytes - len(told), 0)].decode(errors="ignore")
    return f"{kept.rpartition(chr(10))[0]}{told}"[:limit_bytes]


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return " ".join(filter(None, (f"{hours} h" if hours else "", f"{minutes} m" if minutes else "", f"{rest} s")))
