"""`${var:name}` is filled in; `${env:…}`, `${file:…}` and `${keyVault:…}` become references that nobody here resolves.

Only these four prefixes match and `$${` writes `${`; any other `${…}` belongs to somebody else and stays. A value that
was filled in is not searched again, so no value can smuggle in a reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.manifest.document import Document, parse, read_text
from orchestrator.manifest.problems import ManifestError, Path, Problem, dotted, near, shown
from orchestrator.manifest.scalars import exact
from providers.secrets import SecretRef

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<kind>var|env|file|keyVault):(?P<name>[^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SHAPES = {
    "env": (re.compile(r"[A-Za-z_][A-Za-z0-9_]*"), "the name of an environment variable, as in ${env:TOKEN}"),
    "file": (re.compile(r"/[^\x00]*"), "an absolute path, as in ${file:/run/secrets/token}"),
    "keyVault": (
        re.compile(r"[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]/[A-Za-z0-9-]{1,127}(@[0-9a-fA-F]{32})?"),
        "a vault, a secret and perhaps a version of 32 digits, as in ${keyVault:vault/secret}",
    ),
}
_WHERE = "registry password, secureValue, storageAccountKey, secret volume and workspaceKey of a template"


@dataclass(frozen=True, slots=True)
class Variables:
    """The plain variables of one run by name; a `--var` wins over earlier ones and over every `--vars` file."""

    values: Mapping[str, str] = field(default_factory=dict)


def read_variables(files: Sequence[str] = (), pairs: Sequence[str] = ()) -> Variables:
    """Read `--vars FILE` (a YAML or JSON mapping of names to words) and `--var name=value`.

    Raises ManifestError with everything that is wrong in all of them.
    """
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for file in files:
        try:
            for document in parse(read_text(file), file):
                values |= _from_document(document, problems)
        except ManifestError as error:
            problems += error.problems
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not _NAME.fullmatch(name):
            problems.append(Problem("--var", 0, "", f"must be name=value; got {shown(pair)}"))
        values[name] = value
    if problems:
        raise ManifestError(problems)
    return Variables(values)


def _from_document(document: Document, problems: list[Problem]) -> dict[str, str]:
    if not isinstance(document.value, dict):
        message = f"must be a mapping of variable names to values; got {shown(document.value)}"
        problems.append(Problem(document.file, document.line(()), "", message))
        return {}
    values = {}
    for name, value in document.value.items():
        place = (document.file, document.line((name,)), name)
        if not _NAME.fullmatch(name):
            problems.append(Problem(*place, f"a variable's name must match {_NAME.pattern}; got {shown(name)}"))
        elif isinstance(value, dict | list):
            problems.append(Problem(*place, f"must be one word or text; got {shown(value)}"))
        else:
            values[name] = document.plain.get((name,), value)
    return values


def refers(value: object) -> bool:
    """Whether a value holds a reference to a variable or a secret."""
    return isinstance(value, str) and any(found["kind"] for found in _REFERENCE.finditer(value))


@dataclass(slots=True)
class Resolved:
    """A document's value with its variables filled in, those it needed, and which paths have problems."""

    value: Any = None
    used: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)


def _nowhere(_path: Path) -> bool:
    return False


def resolve(
    document: Document,
    variables: Variables,
    *,
    secret_at: Callable[[Path], bool] = _nowhere,
    text_at: Callable[[Path], bool] = _nowhere,
    among_text: Callable[[Path], bool] = _nowhere,
    where: str = _WHERE,
) -> Resolved:
    """Fill in a document's variables; what is wrong is collected, not raised, and left in the value as it was written.

    An unquoted word that is one variable is read as YAML reads words, so that `replicas: ${var:replicas}` is a number,
    except where `text_at` says that only text can stand. Secrets become `SecretRef` where `secret_at` allows them, and
    where `among_text` does as well, text around them makes a tuple of all parts; `where` says in words where they go.
    """
    filler = _Filler(document, variables, secret_at, text_at, among_text, where)
    filler.resolved.value = filler.fill(document.value, ())
    return filler.resolved


@dataclass(slots=True)
class _Filler:
    document: Document
    variables: Variables
    secret_at: Callable[[Path], bool]
    text_at: Callable[[Path], bool]
    among_text: Callable[[Path], bool]
    where: str
    resolved: Resolved = field(default_factory=Resolved)

    def fill(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: self.fill(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, (*path, number)) for number, item in enumerate(value)]
        return self._text(value, path) if isinstance(value, str) and "${" in value else value

    def _text(self, text: str, path: Path) -> Any:
        whole = _REFERENCE.fullmatch(text)
        if whole is not None and whole["kind"] not in (None, "var"):
            return self._secret(whole, path)
        if self.among_text(path) and any(found["kind"] in _SHAPES for found in _REFERENCE.finditer(text)):
            return self._parts(text, path)
        filled = self._plain(text, path)
        if path in self.resolved.broken:
            return text
        if whole is not None and whole["kind"] == "var" and path in self.document.plain and not self.text_at(path):
            return exact(filled)
        return filled

    def _parts(self, text: str, path: Path) -> Any:
        parts: list[str | SecretRef] = []
        end = 0
        for found in _REFERENCE.finditer(text):
            if found["kind"] in _SHAPES:
                parts += [self._plain(text[end : found.start()], path), self._secret(found, path)]
                end = found.end()
        parts.append(self._plain(text[end:], path))
        return text if path in self.resolved.broken else tuple(part for part in parts if part != "")

    def _plain(self, text: str, path: Path) -> str:
        return _REFERENCE.sub(lambda found: self._part(found, path), text)

    def _part(self, found: re.Match[str], path: Path) -> str:
        kind, name = found["kind"], found["name"]
        if kind is None:
            return "${"
        if kind != "var":
            if self.secret_at(path):
                self._say(path, f"a secret must be the whole value; got text around {found[0]}")
            else:
                self._misplaced(path, found[0])
        elif name in self.variables.values:
            self.resolved.used[name] = self.variables.values[name]
            return self.variables.values[name]
        else:
            known = list(self.variables.values)
            hint = f"; {near(name, known)}" if known else ""
            self._say(path, f"the variable {name!r} must be given by --var {name}=… or --vars FILE; got none{hint}")
        return found[0]

    def _secret(self, found: re.Match[str], path: Path) -> Any:
        kind, name = found["kind"], found["name"]
        shape, expected = _SHAPES[kind]
        if not self.secret_at(path):
            self._misplaced(path, found[0])
        elif not shape.fullmatch(name):
            self._say(path, f"must be {expected}; got {found[0]}")
        else:
            return SecretRef(kind, name)
        return found[0]

    def _misplaced(self, path: Path, reference: str) -> None:
        way_out = "use ${var:…} for plain text"
        self._say(path, f"a secret may stand only where secrets go ({self.where}); got {reference}: {way_out}")

    def _say(self, path: Path, message: str) -> None:
        self.resolved.broken.add(path)
        line = self.document.line(path)
        self.resolved.problems.append(Problem(self.document.file, line, dotted(path), message))
