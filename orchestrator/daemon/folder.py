"""The manifest files below a folder: which there are, which have changed since, and what stands in them.

A round in which nothing changed costs one `stat` for each file. Times and sizes only say where to look; whether
something is different is decided by a hash of the manifest's text with all of its templates.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain

from orchestrator.daemon.watched import Watched, watched_of
from orchestrator.manifest.document import Document, parse, read_text
from orchestrator.manifest.loader import Reading, read_document
from orchestrator.manifest.problems import ManifestError, Problem
from orchestrator.manifest.variables import Variables
from orchestrator.store.records import Snapshot

_ENDINGS = (".yaml", ".yml")
_MISSING = -1
_UNSURE = 0
"""The stamp of what must be read again to know."""
_YOUNG_NS = 2_000_000_000
"""A file may change once more within the grain of its file system's clock, unseen but by reading it again."""
_LIKE_A_MANIFEST = re.compile(r"""(?m)^(\{\s*)?["']?service["']?\s*:""")


@dataclass(frozen=True, slots=True)
class Broken:
    """A document that names a service and is no good manifest of it."""

    service: str
    file: str
    line: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class File:
    """The manifests of one file; `problems` are those that no service's name could be put to."""

    content: int
    """A hash of all that they were made from."""
    claims: tuple[Watched | Broken, ...] = ()
    problems: tuple[Problem, ...] = ()
    beside: tuple[str, ...] = ()
    """The files that its manifests name as their templates, whether they are there or not."""


@dataclass(slots=True)
class _Round:
    """What one walk has found: a stamp of every file, and what could not be read."""

    young_ns: int
    """What changed later than this may have changed again since it was read."""
    stamps: dict[str, int] = field(default_factory=dict)
    unread: list[Problem] = field(default_factory=list)

    def visit(self, entries: Iterable[os.DirEntry[str]]) -> list[str]:
        """Stamp the files of a folder; return the folders in it."""
        folders: list[str] = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                folders.append(entry.path)
            elif not entry.name.endswith(_ENDINGS):
                continue
            elif entry.path.isprintable():
                self.stamps[entry.path] = self.stamp(entry.path)
            else:
                shown = repr(entry.path.encode("utf-8", "backslashreplace").decode())
                self.unread.append(Problem(shown, 0, "", "must have a name of plain UTF-8 text; rename it"))
        return folders

    def stamp(self, path: str) -> int:
        """One number for what `stat` says of a file."""
        try:
            found = os.stat(path)  # noqa: PTH116 - called for every file of every round
        except OSError:
            return _MISSING
        if not stat.S_ISREG(found.st_mode):
            return _MISSING
        if max(found.st_mtime_ns, found.st_ctime_ns) > self.young_ns:
            return _UNSURE
        return hash((found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev))


@dataclass(slots=True)
class Folder:
    """The manifests below `root`, as they were when `refresh` last looked; for one thread at a time."""

    root: str
    variables: Variables
    now_ns: Callable[[], int] = time.time_ns
    files: dict[str, File] = field(default_factory=dict)
    """Those that hold manifests, or something that was meant to be one, by path."""
    unread: list[Problem] = field(default_factory=list)
    """Folders, above all, that cannot be read now; what was seen below them before still stands in `files`."""
    snapshots: dict[tuple[str, str], Snapshot] = field(default_factory=dict)
    """What was read of each good manifest, by path and service; for whoever keeps it to take out."""
    _marks: set[int] = field(default_factory=set)
    """Of every file the hash of its path with its stamp, by which it is known that it has not changed since."""

    def refresh(self) -> bool:
        """Look again, and read what may have changed; return whether anything is different. Raises nothing of a file's.

        A crash loses nothing: the next process reads everything anew.
        """
        walk = _Round(self.now_ns() - _YOUNG_NS)
        self._walk(walk)
        gone = [path for path in self.files if path not in walk.stamps and not _below(path, walk.unread)]
        different = bool(gone) or walk.unread != self.unread
        for path in gone:
            self._put(path, None)
        self.unread, stamps = walk.unread, walk.stamps.copy()
        for path in chain.from_iterable(file.beside for file in self.files.values()):
            if path not in stamps:
                stamps[path] = walk.stamp(path)
        doubtful = {
            path for path, stamp in stamps.items() if stamp == _UNSURE or hash((path, stamp)) not in self._marks
        }
        if doubtful:
            different |= self._read_again(walk, doubtful, stamps)
        if doubtful or len(stamps) != len(self._marks):
            self._marks = {hash(each) for each in stamps.items() if each[1] != _UNSURE}
        return different

    def troubles(self, path: str) -> tuple[Problem, ...]:
        """What keeps a file from being read whole, so that a service of it may only seem to be gone."""
        file = self.files.get(path)
        return (*(file.problems if file is not None else ()), *self.hidden_by(path))

    def hidden_by(self, path: str) -> tuple[Problem, ...]:
        """Folders around a file that cannot be read now."""
        return tuple(each for each in self.unread if _below(path, [each]))

    def readings(self, path: str) -> list[Reading]:
        """Read and check the manifests of one file as it is now; raises ManifestError when it cannot be read at all."""
        return [read_document(each, self.variables) for each in _manifests(parse(read_text(path), path))]

    def _walk(self, walk: _Round) -> None:
        nowhere: frozenset[tuple[int, int]] = frozenset()
        waiting = [(self.root, nowhere)]
        while waiting:
            folder, above = waiting.pop()
            try:
                itself = os.stat(folder)  # noqa: PTH116 - called for every folder of every round
                here = (itself.st_dev, itself.st_ino)
                if here in above:  # a link back to a folder around it
                    continue
                with os.scandir(folder) as entries:
                    waiting += [(below, above | {here}) for below in walk.visit(entries)]
            except OSError as error:
                if isinstance(error, FileNotFoundError) and above:  # gone since it was listed
                    continue
                message = f"must be a folder that can be read; got: {error.strerror}"
                walk.unread.append(Problem(folder, 0, "", message))
        walk.unread.sort()

    def _read_again(self, walk: _Round, doubtful: set[str], stamps: dict[str, int]) -> bool:
        """Read every file that is in doubt itself or by a template of its; return whether one is different."""
        different = False
        for path in walk.stamps:
            known = self.files.get(path)
            if path not in doubtful and (known is None or doubtful.isdisjoint(known.beside)):
                continue
            found = self._examined(path, known, stamps)
            if found is known:
                continue
            different = True
            self._put(path, found)
        return different

    def _put(self, path: str, found: File | None) -> None:
        """Let a file be as it was found, None for gone."""
        before = self.files.pop(path, None)
        here = {claim.service for claim in found.claims} if found is not None else set()
        for claim in before.claims if before is not None else ():
            if claim.service not in here:
                self.snapshots.pop((path, claim.service), None)
        if found is not None:
            self.files[path] = found

    def _examined(self, path: str, known: File | None, stamps: dict[str, int]) -> File | None:
        """What stands in a file, None for no manifest, `known` itself when nothing is different.

        Adds the stamps of its templates to `stamps`.
        """
        if stamps[path] == _MISSING:
            # Not opened: it may be a pipe, which would never end.
            message = f"must be a file that can be read; got: {_obstacle(path)}"
            return _broken(known, (Problem(path, 0, "", message),))
        try:
            text = read_text(path)
        except ManifestError as error:
            stamps[path] = _UNSURE
            return _broken(known, error.problems)
        if known is not None:
            templates = {template: _text(template) for template in known.beside}
            for template, found in templates.items():
                _doubt(template, found, stamps)
            if known.content == _hashed([text, *templates.values()]):
                return known
        return self._read(path, text, stamps)

    def _read(self, path: str, text: str, stamps: dict[str, int]) -> File | None:
        if "service" not in text:
            return None
        try:
            documents = list(_manifests(parse(text, path)))
        except ManifestError as error:
            # A template of another tool need not be YAML; who names the service at the left margin meant a manifest.
            return File(_hashed([text]), problems=error.problems) if _LIKE_A_MANIFEST.search(text) else None
        if not documents:
            return None
        readings = [read_document(document, self.variables) for document in documents]
        templates = dict(chain.from_iterable(reading.templates for reading in readings))
        for template, found in templates.items():
            _doubt(template, found, stamps)
        claims: list[Watched | Broken] = []
        for document, reading in zip(documents, readings, strict=True):
            if reading.service is not None:
                claims.append(self._claim(path, document.line(("service",)), reading.service, reading))
        nameless = chain.from_iterable(reading.problems for reading in readings if reading.service is None)
        content = _hashed([text, *templates.values()])
        return File(content, tuple(claims), tuple(nameless), tuple(templates))

    def _claim(self, path: str, line: int, service: str, reading: Reading) -> Watched | Broken:
        if reading.loaded is None:
            return Broken(service, path, line, reading.problems)
        try:
            watched = watched_of(reading.loaded, line)
        except ManifestError as error:
            return Broken(service, path, line, error.problems)
        self.snapshots[path, service] = reading.loaded.snapshot
        return watched


def _doubt(template: str, found: str | None, stamps: dict[str, int]) -> None:
    """Let a template be read again that was read before it was stamped, or that is there and cannot be read."""
    stamps.setdefault(template, _UNSURE)
    if found is None and stamps[template] != _MISSING:
        stamps[template] = _UNSURE


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle, or to where we may not look
        return False


def _obstacle(path: str) -> str:
    try:
        os.stat(path)  # noqa: PTH116 - as everywhere here
    except OSError as error:
        return error.strerror or str(error)
    return "something that is no file"


def _below(path: str, folders: Iterable[Problem]) -> bool:
    return any(path.startswith(folder.file.rstrip(os.sep) + os.sep) for folder in folders)


def _broken(known: File | None, problems: tuple[Problem, ...]) -> File:
    """A file of which nothing can be read; `known` if that is known."""
    found = File(_UNSURE, problems=problems)
    return known if known == found else found


def _manifests(documents: Iterable[Document]) -> Iterator[Document]:
    """Those documents that name a service; what else stands in such a folder is somebody else's."""
    return (each for each in documents if isinstance(each.value, dict) and "service" in each.value)


def _text(path: str) -> str | None:
    try:
        return read_text(path)
    except ManifestError:
        return None


def _hashed(texts: Iterable[str | None]) -> int:
    """One number for a manifest with its templates; never 0, which stands for not knowing."""
    digest = blake2b(digest_size=8)
    for text in texts:
        data = b"" if text is None else text.encode()
        digest.update(b"-" if text is None else b"%d:" % len(data))
        digest.update(data)
    return int.from_bytes(digest.digest(), "big") or 1
