"""A cluster's template: files of Kubernetes objects, loaded, filled in, and judged with file and line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from orchestrator.manifest.document import Document, parse
from orchestrator.manifest.kube_types import STANDARD_INPUT
from orchestrator.manifest.problems import ManifestError, Path, Problem, dotted
from orchestrator.manifest.variables import Variables, resolve

_WHERE = "a Secret of the cluster, which the Deployment names by secretKeyRef, secretRef or a volume"
_TEXTS = frozenset(
    {"labels", "annotations", "matchLabels", "nodeSelector", "data", "binaryData", "command", "args", "values"}
)
"""Mappings and lists in which nothing but text can stand."""
_PIPE = "pipe the rendered output in, as in `helm template … | rollout start FILE` (kubectl kustomize does as well)"


@dataclass(slots=True)
class Objects:
    """The objects of all files of a template in order, with the document that each one is, and what is wrong."""

    values: list[Any] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    used: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def located(self, found: Iterable[Any]) -> list[Problem]:
        """Give each problem of a check, whose path begins with the object's index, its file and line.

        What is wrong with all of them together has no line.
        """
        return [self._located(each.path, each.message) for each in found]

    def _located(self, path: Path, message: str) -> Problem:
        if not path or not isinstance(path[0], int):
            return Problem(self.documents[0].file if self.documents else STANDARD_INPUT, 0, dotted(path), message)
        document, inner = self.documents[path[0]], path[1:]
        return Problem(document.file, document.line(inner), dotted(inner), message)


def read_objects(files: Iterable[tuple[str, str]], variables: Variables) -> Objects:
    """Parse files, given as pairs of the name that people know and the text, and fill them in.

    What is wrong is in `problems`, never raised. Secrets stand nowhere in them: they are the cluster's own.
    """
    read = Objects()
    for name, text in files:
        try:
            documents = parse(text, name)
        except ManifestError as error:
            read.problems += error.problems
            continue
        if not documents:
            way_out = f": {_PIPE}" if name == STANDARD_INPUT else ""
            read.problems.append(Problem(name, 0, "", f"must hold Kubernetes objects; got nothing{way_out}"))
        for document in documents:
            filled = resolve(document, variables, text_at=_text_at, where=_WHERE)
            read.values.append(filled.value)
            read.documents.append(document)
            read.used |= filled.used
            read.problems += filled.problems
    return read


def _text_at(path: Path) -> bool:
    """Where a word such as `8080` must stay text, though it stands without quotes."""
    return path[-1:] == ("value",) or (len(path) > 1 and path[-2] in _TEXTS)


def piped_in() -> str:
    """Read standard input to its end, as UTF-8 text; raises ManifestError where nothing is piped in."""
    import sys

    from orchestrator.manifest.document import MAX_BYTES

    stream = sys.stdin
    if stream is None or stream.closed or stream.isatty():
        raise _unread(f"must be piped in; got nothing on standard input: {_PIPE}")
    data = stream.buffer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _unread(f"must be at most {MAX_BYTES >> 20} MiB; got more on standard input")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unread(f"must be UTF-8 text; got the byte 0x{data[error.start]:02x}") from None


def nothing_piped() -> str:
    """Refuse to read what nobody can pipe in; raises ManifestError."""
    raise _unread("must be a file here, for nothing is piped into a daemon: render it into one beside the manifest")


def _unread(message: str) -> ManifestError:
    return ManifestError([Problem(STANDARD_INPUT, 0, "", message)])
