"""`rollout tags`: what the watcher sees in a repository, and which tag its policy chooses."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.failures import Failure
from orchestrator.cli.inputs import load_one
from orchestrator.cli.parameters import Among, Pairs, VarsFiles
from orchestrator.cli.session import Session
from orchestrator.cli.style import Style, columns
from orchestrator.exit_codes import ExitCode
from orchestrator.result import SCHEMA

if TYPE_CHECKING:
    from orchestrator.manifest.loader import Loaded
    from watchers.policies import Policy, Weighed

NO_WINNER = 1
"""What the verb leaves with when no tag wins, as `grep` does when no line matches."""
_EXAMPLE = '{"semver": ">=1.4 <2"}'
_SHOWN_MATCHES = 20
_SHOWN_OTHERS = 10
_REASONS = 4


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was chosen among, by what, and what was chosen; the digest is known where the registry was asked."""

    policy: Policy
    weighed: tuple[Weighed, ...]
    service: str | None = None
    image: str | None = None
    digest: str | None = None

    @property
    def winner(self) -> Weighed | None:
        """The first one, where any matches."""
        return self.weighed[0] if self.weighed and self.weighed[0].matched else None


def tags(
    session: Session,
    file: Annotated[str | None, typer.Argument(metavar="[FILE]")] = None,
    *,
    service: Among = None,
    vars_files: VarsFiles = None,
    var: Pairs = None,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="JSON", help="Try this instead of the manifest's `follow`.")
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read tags from standard input, one per line, and ask no registry.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Show every tag, however many do not match.")] = False,
) -> int:
    """Show the tags of the manifest's image, which of them match its `follow`, which one wins and why.

    With --policy and --stdin no FILE is needed, and the winner is printed alone. Exit 0 when there is a winner, 1 when
    there is none.
    """
    tried = _policy(policy) if policy is not None else None
    if file is None and (tried is None or not stdin):
        raise Failure("FILE is missing; only --policy together with --stdin does without one", ExitCode.USAGE)
    loaded = load_one(file, vars_files or (), var or (), service) if file is not None else None
    choice = _choose(session, loaded, tried, stdin=stdin)
    session.out.document(_document(choice))
    if loaded is not None:
        session.out.text("\n".join(_lines(choice, session.out.style, everything=everything)))
    elif choice.winner is not None:
        session.out.text(choice.winner.tag)
    else:
        session.out.note(_none(choice))
    return ExitCode.PROMOTED if choice.winner is not None else NO_WINNER


def _policy(text: str) -> Policy:
    """Read `--policy`; raises Failure with every problem, exit code 2."""
    from watchers.policies import mistakes, policy_of

    try:
        follow = json.loads(text)
    except (ValueError, RecursionError):
        follow = None
    if not isinstance(follow, dict):
        raise Failure(f"--policy: must be a JSON mapping such as {_EXAMPLE}; got {text[:80]!r}", ExitCode.USAGE)
    problems = list(mistakes(follow))
    if problems:
        message = "\n".join(f"--policy: {problem}" for problem in problems)
        document = {
            "schema": SCHEMA,
            "error": {"code": int(ExitCode.USAGE), "message": message},
            "problems": [{"path": ".".join(problem.path), "message": problem.message} for problem in problems],
        }
        raise Failure(message, ExitCode.USAGE, document)
    return policy_of(follow)


def _choose(session: Session, loaded: Loaded | None, tried: Policy | None, *, stdin: bool) -> _Choice:
    """Collect tags and weigh them; raises Failure with exit code 7 when the registry does not answer."""
    if loaded is None:
        if tried is None:
            raise AssertionError("neither a manifest nor a policy")
        return _Choice(tried, tried.weigh(_read(session)))
    from watchers.errors import RegistryError
    from watchers.reference import parse

    policy, image = tried or _followed(loaded), parse(loaded.manifest.image)
    choice = _Choice(policy, (), loaded.manifest.service, image.name)
    if stdin:
        return replace(choice, weighed=policy.weigh(_read(session)))
    try:
        # In the order that the watcher reads them in, so that of equals the same one wins.
        weighed = policy.weigh(sorted(session.desk.tags(image)))
        winner = weighed[0].tag if weighed and weighed[0].matched else None
        digest = session.desk.digest(image.tagged(winner)) if winner is not None else None
        return replace(choice, weighed=weighed, digest=digest)
    except RegistryError as error:
        document = {**_document(choice), "error": {"code": int(ExitCode.REFUSED), "message": str(error)}}
        raise Failure(str(error), ExitCode.REFUSED, document) from error


def _followed(loaded: Loaded) -> Policy:
    from orchestrator.manifest.follow import followed
    from orchestrator.manifest.problems import ManifestError

    if loaded.manifest.follow is None:
        message = f"must be given, so that the watcher knows what to choose; `--policy '{_EXAMPLE}'` tries one"
        raise ManifestError([loaded.problem(("follow",), message)])
    return followed(loaded.manifest.follow)


def _read(session: Session) -> Iterator[str]:
    """The words of standard input, one per line; bytes that are no text are spelled out, and stop nobody."""
    source = sys.stdin or io.StringIO()  # a process that was started without it (`<&-`) has None there
    if source.isatty():
        session.out.note("reading tags from the terminal, one per line; Ctrl-D ends them")
    if isinstance(source, io.TextIOWrapper):
        source.reconfigure(errors="backslashreplace")
    return (line.strip() for line in source if line.strip())


def _document(choice: _Choice) -> dict[str, Any]:
    winner = choice.winner
    return {
        "schema": SCHEMA,
        "service": choice.service,
        "image": choice.image,
        "policy": choice.policy.text,
        "winner": {"tag": winner.tag, "digest": choice.digest} if winner is not None else None,
        "tags": [
            {"tag": each.tag, "matches": each.matched, "compared": each.compared, "why": each.why}
            for each in choice.weighed
        ],
    }


def _lines(choice: _Choice, style: Style, *, everything: bool) -> Iterator[str]:
    yield from columns(
        [(style.strong(choice.service or ""), choice.image or ""), (style.faint("policy"), choice.policy.text)]
    )
    matches = [each for each in choice.weighed if each.matched]
    others = choice.weighed[len(matches) :]
    yield ""
    if matches:
        words = (style.strong(matches[0].tag), style.faint(choice.digest or ""), matches[0].why)
        yield f"{style.good('●')} {'  '.join(word for word in words if word)}"
    else:
        yield style.warn(_none(choice))
    yield from _table(matches[1:], style, None if everything else _SHOWN_MATCHES)
    if others:
        yield ""
        yield style.faint(f"not chosen from: {_count(len(others))}")
        yield from _table(others, style, None if everything else _SHOWN_OTHERS)


def _table(weighed: Sequence[Weighed], style: Style, most: int | None) -> Iterator[str]:
    """At most `most` rows, and of the rest how many there are and for which reasons."""
    shown = weighed[:most]
    extracted = any(map(_compared, shown))
    rows = [(each.tag, *([style.faint(_compared(each))] if extracted else []), style.faint(each.why)) for each in shown]
    yield from columns(rows, indent=2)
    left = Counter(each.why for each in weighed[len(shown) :])
    if left:
        reasons = ", ".join(f"{why} ({number})" for why, number in left.most_common(_REASONS))
        yield style.faint(f"  … {left.total()} more: {reasons}; --all shows them")


def _compared(weighed: Weighed) -> str:
    """What was compared, where it is not the tag itself."""
    return "" if weighed.compared is None or weighed.compared == weighed.tag else weighed.compared


def _none(choice: _Choice) -> str:
    if not choice.weighed:
        return "no tag wins: there are none"
    return f"no tag wins: none of {_count(len(choice.weighed))} matches {choice.policy.text}"


def _count(number: int) -> str:
    return "1 tag" if number == 1 else f"{number} tags"
