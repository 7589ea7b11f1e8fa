"""What a run leaves behind for its CI: a JUnit report, a summary, annotations in the log and the step's outputs.

All of it is written when the verb has ended, in whichever way. None of it changes the exit code: what cannot be written
is said on standard error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.ci.commands import System, command, folded, system_of
from orchestrator.cli.session import Session

if TYPE_CHECKING:
    from orchestrator.ci.story import Ended
    from strategies.journal import Event


def report(session: Session, verb: str, junit: str | None, summary: str | None) -> None:
    """Let everything be written at the end of this run that the options and the CI's variables ask for.

    An empty `--summary` asks for none. Outside of a CI system and without options nothing is done.
    """
    reports = Reports(session, verb, junit, summary, os.environ)
    if reports.wanted:
        reports.begin()


class Reports:
    """The reports of one run."""

    def __init__(
        self, session: Session, verb: str, junit: str | None, summary: str | None, environment: Mapping[str, str]
    ) -> None:
        """Write nothing yet."""
        self._session, self._verb, self._junit, self._environment = session, verb, junit, environment
        self._system = system_of(environment)
        self._step = environment.get("GITHUB_STEP_SUMMARY", "") if summary is None else ""
        self._outputs = environment.get("GITHUB_OUTPUT", "") if self._system is System.GITHUB else ""
        self._summary = self._default() if summary is None else summary
        self._document: Mapping[str, Any] | None = None
        self._folded: str | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._system or self._junit or self._summary or self._step)

    def begin(self) -> None:
        """Fold the log away up to the result, and wait for that."""
        self._session.out.hear, self._session.at_end = self._take, self._end
        options = self._session.options
        if self._system is not None and not options.quiet and options.log_format is None:
            first, self._folded = folded(self._system, f"rollout {self._verb}")
            self._session.out.command(first)

    def _take(self, document: Mapping[str, Any]) -> None:
        """The result is about to be printed, where everybody shall see it."""
        self._document = document
        self._unfold()

    def _unfold(self) -> None:
        if self._folded is not None:
            self._session.out.command(self._folded)
            self._folded = None

    def _end(self, code: int) -> None:
        self._unfold()
        try:
            ended = self._ended(code)
            self._files(ended)
            self._tell(ended)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a report is never worth the verdict it tells of
            self._warn(f"the reports of this run could not be made: {type(error).__name__}: {error}")

    def _files(self, ended: Ended) -> None:
        if self._junit:
            from orchestrator.ci.junit import junit

            self._write("--junit", self._junit, junit(ended))
        if self._summary or self._step:
            from orchestrator.ci.summary import LIMIT_BYTES, summary

            if self._summary and self._write("--summary", self._summary, summary(ended)):
                self._attach(self._summary)
            if self._step:
                room = LIMIT_BYTES - _size(self._step)
                self._append("GITHUB_STEP_SUMMARY", self._step, summary(ended, max(room, 0)))

    def _attach(self, path: str) -> None:
        """Azure Pipelines shows a summary whose file is named to it."""
        if self._system is System.AZURE:
            self._session.out.command(command(System.AZURE, "task.uploadsummary", str(Path(path).absolute())))

    def _tell(self, ended: Ended) -> None:
        from orchestrator.ci.annotations import annotations, output_commands, output_lines

        if self._system is not None:
            for each in annotations(ended, self._system):
                self._session.out.command(each)
        if self._outputs:
            self._append("GITHUB_OUTPUT", self._outputs, output_lines(ended))
        elif self._system is System.AZURE:
            for each in output_commands(ended):
                self._session.out.command(each)

    def _ended(self, code: int) -> Ended:
        import platform

        from orchestrator.ci.story import Ended
        from orchestrator.cli.actor import run_link

        missing = {"schema": 1, "error": {"code": code, "message": "the run ended before there was a result"}}
        document = self._document or missing
        journal, ways = self._remembered(document)
        return Ended(
            self._verb,
            document,
            code,
            self._session.clock.now(),
            journal,
            ways,
            run_link(self._environment),
            platform.node() or "localhost",
        )

    def _remembered(self, document: Mapping[str, Any]) -> tuple[list[Event], list[tuple[str, str]]]:
        """The journal and what can be done next, as far as the store still answers."""
        rollout_id = document.get("rollout")
        if not rollout_id:
            return [], []
        from orchestrator.cli.remedies import remedies
        from orchestrator.store.errors import StoreError

        try:
            store = self._session.store
            rollout = store.load(rollout_id)
            journal = [stored.event for stored in store.events(rollout=rollout_id)]
            poisoned = store.is_poisoned(rollout.service.name, rollout.revision.id)
        except StoreError as error:
            self._warn(f"the journal is missing in the reports of this run: {error}")
            return [], []
        ways = remedies(rollout, engine_runs=document.get("engine") == "daemon", poisoned=poisoned)
        return journal, [(way.command, way.does) for way in ways]

    def _default(self) -> str:
        """Where Azure Pipelines would find a summary that nobody named; GitHub has a file of its own."""
        folder = self._environment.get("AGENT_TEMPDIRECTORY", "")
        if self._system is not System.AZURE or not folder:
            return ""
        import uuid

        return str(Path(folder) / f"rollout-{self._verb}-{uuid.uuid4().hex[:8]}.md")

    def _write(self, option: str, path: str, text: str) -> bool:
        """Put the text in the file's place as a whole, and make its folder; says so where it cannot."""
        try:
            _replace(Path(path), text)
        except OSError as error:
            self._warn(f"{option} {path}: not written: {error.strerror or error}")
            return False
        return True

    def _append(self, variable: str, path: str, text: str) -> None:
        """Add to a file that the CI system reads after the step, and that earlier commands may have added to."""
        try:
            with Path(path).open("a", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError as error:
            self._warn(f"{variable} ({path}): not written: {error.strerror or error}")

    def _warn(self, message: str) -> None:
        if self._system is None:
            self._session.out.note(f"warning: {message}")
        elif self._system is System.GITHUB:
            self._session.out.command(command(self._system, "warning", message, title=f"rollout {self._verb}"))
        else:
            self._session.out.command(command(self._system, "task.logissue", message, type="warning"))


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _replace(path: Path, text: str) -> None:
    path = path.expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.resolve()
    data = text.encode("utf-8", errors="replace")
    if path.exists() and not path.is_file():
        # A pipe or a device cannot be replaced by a file; a directory says so itself.
        path.write_bytes(data)
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
