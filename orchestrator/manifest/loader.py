"""Files to releases: all that a rollout needs, from disk or from the snapshot taken when it was submitted."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from orchestrator.manifest import build, secret_places
from orchestrator.manifest.checks import checked
from orchestrator.manifest.document import Document, parse, read_text
from orchestrator.manifest.kube_types import STANDARD_INPUT
from orchestrator.manifest.objects import nothing_piped, piped_in
from orchestrator.manifest.problems import ManifestError, Path, Problem, dotted, shown, within
from orchestrator.manifest.schema import Manifest
from orchestrator.manifest.targets import Targets, TargetSettings
from orchestrator.manifest.template import templates_hash
from orchestrator.manifest.typed import typed
from orchestrator.manifest.variables import Variables, resolve
from orchestrator.store.records import Snapshot
from strategies.plan import Plan, Service

__all__ = ["Loaded", "Reading", "TargetSettings", "from_snapshot", "load", "read_document"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """One service, checked and typed; `template_hash` with an image digest makes its revision.

    `snapshot` gives exactly this again by `from_snapshot`; its `image` is for the caller to fill in.
    """

    manifest: Manifest
    file: str
    targets: tuple[TargetSettings, ...]
    template_hash: str
    snapshot: Snapshot

    def service(self, plan: Callable[[Plan], Plan] | None = None) -> Service:
        """What decisions need; `plan` changes each target's plan, as `strategies.plan.at_once` does for an undo."""
        service = build.service(self.manifest)
        if plan is None:
            return service
        return replace(service, targets=tuple(replace(target, plan=plan(target.plan)) for target in service.targets))

    def problem(self, path: Path, message: str) -> Problem:
        """Say what is wrong with a key of this manifest that only the world could tell, with its file and line."""
        (document,) = parse(self.snapshot.manifest, self.file)
        return Problem(self.file, document.line(path), dotted(path), message)

    def target(self, name: str) -> TargetSettings:
        """The settings of the target called `name`; KeyError when the service has none."""
        for settings in self.targets:
            if settings.name == name:
                return settings
        raise KeyError(f"service {self.manifest.service} has no target {name!r}")


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of one document: the service where it is good, else every problem of it.

    `service` is its name, with `place` as `file:line`, where that much can be told. `templates` pairs the path of every
    file beside the manifest that was asked for with its text, None where it could not be read.
    """

    service: str | None
    place: str
    loaded: Loaded | None
    problems: tuple[Problem, ...]
    templates: tuple[tuple[str, str | None], ...]


def read_document(
    document: Document, variables: Variables, standard_input: Callable[[], str] = nothing_piped
) -> Reading:
    """Check one document with the templates beside it on disk; what is wrong is collected, not raised.

    `standard_input` gives the text of the template `-`; unless somebody can pipe it in, that is refused.
    """
    asked: dict[str, str | None] = {}
    from_disk = _from_disk(document.file)

    def noting(path: str) -> tuple[str, str]:
        if path == STANDARD_INPUT:
            return standard_input(), path
        beside = str(pathlib.Path(document.file).parent / path)
        asked.setdefault(beside, None)
        text, home = from_disk(path)
        asked[beside] = text
        return text, home

    reader = _Reader(document, variables, noting)
    loaded = reader.read()
    place = f"{document.file}:{document.line(('service',))}"
    return Reading(reader.service, place, loaded, tuple(reader.problems), tuple(asked.items()))


def load(
    files: Sequence[str], variables: Variables | None = None, standard_input: Callable[[], str] = piped_in
) -> list[Loaded]:
    """Load every service of the files, in order; raises ManifestError with every problem of all of them at once.

    Standard input is read once, and only where a template is `-`.
    """
    piped = cache(standard_input)
    loaded: list[Loaded] = []
    problems: list[Problem] = []
    first: dict[str, str] = {}
    for file in files:
        try:
            documents = parse(read_text(file), file)
        except ManifestError as error:
            problems += error.problems
            continue
        if not documents:
            problems.append(Problem(file, 1, "", "must hold a manifest; got nothing"))
        for document in documents:
            reading = read_document(document, variables or Variables(), piped)
            problems += reading.problems
            if reading.loaded is not None:
                loaded.append(reading.loaded)
            if (name := reading.service) is not None:
                if name in first:
                    message = f"must be unique over all documents; got {shown(name)}, which {first[name]} has already"
                    problems.append(Problem(file, document.line(("service",)), "service", message))
                first.setdefault(name, reading.place)
    if problems:
        raise ManifestError(problems)
    return loaded


def from_snapshot(snapshot: Snapshot, *, strict: bool = False) -> Loaded:
    """Rebuild what was loaded when the snapshot was taken, without a look at the disk.

    It passed the checks then, so those of a newer version, which may be stricter, are not held against it now; one that
    was sent by somebody is checked as `strict` as a file. Raises ManifestError when it fails them, or cannot be read.
    """
    texts = dict(snapshot.templates)

    def kept(path: str) -> tuple[str, str]:
        if path not in texts:
            raise ManifestError([Problem(path, 0, "", "must be given with the manifest; got no such template")])
        return texts[path], path

    documents = parse(snapshot.manifest, snapshot.file)
    if len(documents) != 1:
        raise ManifestError([Problem(snapshot.file, 1, "", f"must hold one service; got {len(documents)}")])
    reader = _Reader(documents[0], Variables(dict(snapshot.variables)), kept, strict=strict)
    loaded = reader.read()
    if loaded is None:
        raise ManifestError(reader.problems)
    return replace(loaded, snapshot=replace(loaded.snapshot, image=snapshot.image))


def _from_disk(file: str) -> Callable[[str], tuple[str, str]]:
    """Make the reader of templates beside a manifest: path as written to text and absolute path."""
    parent = pathlib.Path(file).parent

    def read(path: str) -> tuple[str, str]:
        # Links stay as they are: a mounted ConfigMap leads them to a new folder with each change and drops the old one.
        return read_text(str(parent / path)), str((parent / path).absolute())

    return read


@dataclass(slots=True)
class _Reader:
    """One document on its way to `Loaded`; collects problems instead of stopping at the first."""

    document: Document
    variables: Variables
    read_template: Callable[[str], tuple[str, str]]
    strict: bool = True
    problems: list[Problem] = field(default_factory=list)
    service: str | None = None
    used: dict[str, str] = field(default_factory=dict)

    def read(self) -> Loaded | None:
        filled = resolve(
            self.document,
            self.variables,
            secret_at=secret_places.secret_at,
            text_at=secret_places.secret_at,
            among_text=secret_places.secret_at,
            where=secret_places.WHERE,
        )
        self.used |= filled.used
        self.problems += filled.problems
        value, secrets = secret_places.apart(filled.value)
        result = typed(value, filled.broken)
        self._say(result.mistakes)
        if self.strict:
            self._say(checked(result, value))
        manifest = result.manifest
        if manifest is None:
            return None
        if not within(("service",), result.broken):
            self.service = manifest.service
        reader = Targets(self.document, self.variables, self.read_template, self.strict, self._say, secrets, self.used)
        targets = [reader.read(manifest, number, result) for number in range(len(manifest.targets))]
        settings = [target for target in targets if target is not None]
        if self.problems or len(settings) != len(targets):
            return None
        return Loaded(
            manifest,
            self.document.file,
            tuple(settings),
            templates_hash({target.name: target.workloads for target in settings}, manifest.image),
            Snapshot(
                manifest=self.document.source(),
                file=self.document.file,
                templates=tuple(reader.texts.items()),
                variables=tuple(sorted(reader.used.items())),
            ),
        )

    def _say(self, mistakes: Sequence[tuple[Path, str]]) -> None:
        for path, message in mistakes:
            line = self.document.line(path)
            self.problems.append(Problem(self.document.file, line, dotted(path), message))
