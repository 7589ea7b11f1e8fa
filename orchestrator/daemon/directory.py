"""The manifests of a folder and which of them are in force: a good one is, a broken one leaves the last good one be.

The store holds every manifest that is in force, so that one which was broken while no daemon ran loses nothing.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator.clock import Clock, SystemClock
from orchestrator.daemon.folder import Broken, Folder
from orchestrator.daemon.told import Told
from orchestrator.daemon.watched import Watched, watched_of
from orchestrator.manifest.loader import from_snapshot
from orchestrator.manifest.problems import ManifestError, Problem
from orchestrator.manifest.variables import Variables
from orchestrator.store.errors import UnreadableRecord

if TYPE_CHECKING:
    from orchestrator.manifest.loader import Loaded
    from orchestrator.store.ports import Store
    from orchestrator.store.records import Sighting

__all__ = ["Changes", "Directory", "DirectoryProblem", "Watched"]

_IN_FORCE = "the last good manifest stays in force"


@dataclass(frozen=True, slots=True, order=True)
class DirectoryProblem:
    """One mistake in the folder; `service` is None where it cannot be told whose it is. Prints as one sentence."""

    problem: Problem
    service: str | None = field(default=None, compare=False)

    @property
    def file(self) -> str:
        """The file that must be mended."""
        return self.problem.file

    @property
    def message(self) -> str:
        """Place, expectation and finding."""
        return str(self.problem)

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Changes:
    """What one scan found: services that are in force as others than before, and every mistake that stands.

    `appeared` and `mended` are the difference of `problems` to the scan before.
    """

    added: tuple[Watched, ...] = ()
    changed: tuple[Watched, ...] = ()
    removed: tuple[Watched, ...] = ()
    problems: tuple[DirectoryProblem, ...] = ()
    appeared: tuple[DirectoryProblem, ...] = ()
    mended: tuple[DirectoryProblem, ...] = ()


@dataclass(slots=True)
class _Verdict:
    """What is in force for one service, and what is wrong with what stands on disk."""

    watched: Watched | None
    problems: tuple[Problem, ...] = ()


class Directory:
    """Every *.yaml and *.yml below a folder, hidden ones left out; a document with a top-level `service` is a manifest.

    `scan` is for one thread at a time; `load` and `known` may be used from others meanwhile.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        variables: Variables,
        store: Store,
        clock: Clock | None = None,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Look at nothing yet; `now_ns` is the clock of the file system, nanoseconds since 1970."""
        self.path = os.path.abspath(path)  # noqa: PTH100 - `Path` has no word for it that keeps links as they are
        self._store, self._clock = store, clock or SystemClock()
        self._notes = Told(store, self._clock)
        self._folder = Folder(self.path, variables, now_ns)
        self._force: dict[str, Watched] = {}
        self._problems: tuple[DirectoryProblem, ...] = ()
        self._told: dict[str, str] = {}
        self._settled = False
        self._begun = False

    @property
    def known(self) -> Mapping[str, Watched]:
        """Every service whose manifest is in force, by name."""
        return MappingProxyType(self._force)

    @property
    def problems(self) -> tuple[DirectoryProblem, ...]:
        """Every mistake that stood at the last scan."""
        return self._problems

    def scan(self) -> Changes:
        """Read what has changed and put it in force; costs one `stat` for each file when nothing has.

        Raises StoreUnavailable: then nothing is in force otherwise than before, and the next scan says what this one
        would have. A crash half-way leaves some manifests kept in the store and not yet announced, as after a restart.
        """
        # Until what was read is in force, as when the store did not answer, the next scan goes on from here.
        self._settled = not self._folder.refresh() and self._settled
        if self._settled:
            return Changes(problems=self._problems)
        changes, force, told = self._settle()
        self._force, self._problems, self._told = force, changes.problems, told
        self._settled = self._begun = True
        return changes

    def load(self, service: str) -> Loaded:
        """Return the service's manifest as it stands on disk where that is good, else the last good one.

        Raises ManifestError when the service has none in force, or a store of a newer version holds it.
        """
        watched = self._force.get(service)
        if watched is None:
            message = f"must hold a good manifest of the service {service}; got none"
            raise ManifestError([Problem(self.path, 0, "", message)])
        if not watched.problem and (fresh := self._fresh(watched)) is not None:
            return fresh
        try:
            snapshot = self._store.manifest(service)
        except UnreadableRecord as error:
            raise ManifestError([Problem(watched.file, 0, "", str(error))]) from error
        if snapshot is None:  # forgotten since, or by another daemon
            raise ManifestError([Problem(watched.file, 0, "", f"must hold a good manifest of the service {service}")])
        return from_snapshot(snapshot)

    def _fresh(self, watched: Watched) -> Loaded | None:
        try:
            readings = self._folder.readings(watched.file)
        except ManifestError:
            return None
        found = [each.loaded for each in readings if each.service == watched.service]
        return found[0] if len(found) == 1 else None

    # What is in force

    def _settle(self) -> tuple[Changes, dict[str, Watched], dict[str, str]]:
        claims: dict[str, list[Watched | Broken]] = defaultdict(list)
        for _, file in sorted(self._folder.files.items()):
            for claim in file.claims:
                claims[claim.service].append(claim)
        remembered = {} if self._begun else self._remembered()
        verdicts = {
            service: self._judge(service, claims.get(service, []), remembered.get(service))
            for service in sorted(claims.keys() | self._force.keys() | remembered.keys())
        }
        force = {service: verdict.watched for service, verdict in verdicts.items() if verdict.watched is not None}
        told = self._tell(verdicts)
        problems = self._all_problems(verdicts)
        before, now = set(self._problems), set(problems)
        changes = Changes(
            added=tuple(each for service, each in force.items() if service not in self._force),
            changed=tuple(each for service, each in force.items() if self._force.get(service, each) != each),
            removed=tuple(each for service, each in self._force.items() if service not in force),
            problems=problems,
            appeared=tuple(sorted(now - before)),
            mended=tuple(sorted(before - now)),
        )
        return changes, force, told

    def _remembered(self) -> dict[str, str]:
        """The files of the manifests that were in force when a daemon last ran on this folder, by service."""
        inside = self.path.rstrip(os.sep) + os.sep
        return {service: file for service, file in self._store.manifest_files().items() if file.startswith(inside)}

    def _judge(self, service: str, claims: list[Watched | Broken], remembered: str | None) -> _Verdict:
        """Say what is in force for a service by the documents that name it."""
        if not claims:
            known = self._force.get(service)
            file = known.file if known is not None else remembered
            troubles = self._folder.troubles(file) if file is not None else ()
            return self._stays(service, troubles) if troubles else _Verdict(None)
        claim = claims[0]
        if len(claims) > 1:
            others = " and ".join(f"{each.file}:{each.line}" for each in claims[1:])
            message = f"must be unique in the folder; got {service!r}, which {others} has too: remove one of them"
            return self._stays(service, (Problem(claim.file, claim.line, "service", message),))
        if isinstance(claim, Broken):
            return self._stays(service, claim.problems)
        self._keep(claim)
        hidden = self._folder.hidden_by(claim.file)
        if not hidden:
            return _Verdict(claim)
        return _Verdict(replace(claim, problem=f"{_sentence(hidden)}; {_IN_FORCE}"), hidden)

    def _keep(self, watched: Watched) -> None:
        """Let the store remember a manifest that comes into force, unless it does already."""
        place = (watched.file, watched.service)
        snapshot = self._folder.snapshots.get(place)
        if snapshot is None:
            return
        try:
            known = self._store.manifest(watched.service) == snapshot
        except UnreadableRecord:  # the file says all that was in it
            known = False
        if not known:
            self._store.keep_manifest(watched.service, snapshot)
        del self._folder.snapshots[place]

    def _stays(self, service: str, problems: tuple[Problem, ...]) -> _Verdict:
        """Leave in force what was, in this process or before it; nothing where nothing ever was."""
        known = self._force.get(service)
        if known is None:
            try:
                snapshot = self._store.manifest(service)
                known = None if snapshot is None else watched_of(from_snapshot(snapshot))
            except ManifestError as error:
                problems = (*problems, *error.problems)
            except UnreadableRecord as error:
                problems = (*problems, Problem(problems[0].file, 0, "", str(error)))
        if known is None:
            return _Verdict(None, problems)
        return _Verdict(replace(known, problem=f"{_sentence(problems)}; {_IN_FORCE}"), problems)

    def _all_problems(self, verdicts: Mapping[str, _Verdict]) -> tuple[DirectoryProblem, ...]:
        of_services = {problem: service for service, verdict in verdicts.items() for problem in verdict.problems}
        of_files = [problem for file in self._folder.files.values() for problem in file.problems]
        everything = {**dict.fromkeys((*of_files, *self._folder.unread)), **of_services}
        return tuple(DirectoryProblem(problem, service) for problem, service in sorted(everything.items(), key=_first))

    # What people are told

    def _tell(self, verdicts: Mapping[str, _Verdict]) -> dict[str, str]:
        """Write into each service's sighting what is wrong with its manifest, and whether it is watched."""
        stored = {} if self._begun else {sighting.service: sighting for sighting in self._store.sightings()}
        told: dict[str, str] = {}
        for service, verdict in verdicts.items():
            watched = verdict.watched
            said = watched.problem if watched is not None else _sentence(verdict.problems)
            if said:
                told[service] = said
            before = self._told.get(service, "") if self._begun else _said_of(stored.get(service))
            if said != before:
                self._notes.note(service, said, "" if watched is None else watched.image)
            self._mark(service, watched, stored.get(service))
            if watched is None and not said:
                self._store.forget_manifest(service)
        # Broken from the first day on, and gone with their file.
        unfounded = {each.service for each in stored.values() if each.unwatched_at or not each.image}
        lost = self._told.keys() if self._begun else {name for name in unfounded if _said_of(stored[name])}
        for service in lost - verdicts.keys():
            self._notes.note(service, "")
        self._notes.forget_old(each for each in stored.values() if each.service not in verdicts)
        return told

    def _mark(self, service: str, watched: Watched | None, stored: Sighting | None) -> None:
        if self._begun:
            before, unsure = _has_rule(self._force.get(service)), True
        else:
            unsure = stored is not None and stored.unwatched_at is not None
            before = stored is not None and bool(stored.rule) and not unsure
        self._notes.mark(service, watched=_has_rule(watched), before=before, unsure=unsure)


def _has_rule(watched: Watched | None) -> bool:
    return watched is not None and watched.policy is not None


def _first(pair: tuple[Problem, str | None]) -> Problem:
    return pair[0]


def _said_of(sighting: Sighting | None) -> str:
    return "" if sighting is None else sighting.manifest_problem


def _sentence(problems: tuple[Problem, ...]) -> str:
    """The first of several mistakes, and how many more there are."""
    if not problems:
        return ""
    first, *others = sorted(problems)
    return f"{first} (and {len(others)} more: `rollout validate {first.file}`)" if others else str(first)
