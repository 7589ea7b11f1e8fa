"""The container group's file: loaded, filled in, checked, and hashed by what it means.

The file is what `az container create --file` takes (YAML) or an ARM container group (JSON). A secret written out in it
is not taken into memory or store: it becomes a reference to its own place in the file, read when the act is made.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from orchestrator.manifest.document import Document, parse, read_text
from orchestrator.manifest.problems import ManifestError, Path, Problem, dotted, shown
from orchestrator.manifest.shapes import misshapen
from orchestrator.manifest.variables import Variables, refers, resolve
from providers.azure.settings import ContainerInstances
from providers.azure.template import check
from providers.errors import NotSent
from providers.secrets import SecretRef

if TYPE_CHECKING:
    from providers.kubernetes.settings import Deployments

WRITTEN_OUT = "template"
"""The kind of a reference to a secret that stands in the template itself."""
_VARIABLES = "environmentVariables"
_REFERENCE = re.compile(r"\$\{template:(.+#properties\..+)\}")
"""How a text kept in a snapshot names a written secret."""


@dataclass(frozen=True, slots=True)
class WrittenSecret(SecretRef):
    """A secret written out in a template: `name` is `<absolute path>#<place>`, the value stays in the file.

    Each entry of a list on the way to the place is given by position and name, as in `containers[0:web]`, so that a
    value is not taken from another entry that stands there by now.
    """

    def __post_init__(self) -> None:
        """Accept the kind that only this class has."""
        if self.kind != WRITTEN_OUT:
            raise ValueError(f"a secret written out in a template has the kind {WRITTEN_OUT}; got {self.kind!r}")


@dataclass(slots=True)
class Template:
    """A loaded template: its value with references for secrets, its text without them, and what is wrong with it."""

    value: Any = None
    text: str = ""
    used: dict[str, str] = field(default_factory=dict)
    document: Document | None = None
    problems: list[Problem] = field(default_factory=list)


def secret_at(path: Path) -> bool:
    """Whether a secret goes at this place of a container group."""
    match path:
        case ("properties", "imageRegistryCredentials", int(), "password"):
            return True
        case ("properties", "containers" | "initContainers", int(), "properties", "environmentVariables", int(), key):
            return key == "secureValue"
        case ("properties", "volumes", int(), "azureFile", "storageAccountKey"):
            return True
        case ("properties", "volumes", int(), "secret", str()):
            return True
    return path == ("properties", "diagnostics", "logAnalytics", "workspaceKey")


def _text_at(path: Path) -> bool:
    return len(path) >= 3 and path[-1] == "value" and path[-3] == _VARIABLES


def read_template(text: str, file: str, home: str, variables: Variables) -> Template:
    """Parse a template's text and fill it in; `file` is how people name it, `home` its absolute path.

    What is wrong is in `problems`, never raised.
    """
    if file.endswith(".bicep"):
        way_out = "`az bicep build` makes JSON of it, whose container group is the template"
        return Template(problems=[Problem(file, 1, "", f"must be YAML or ARM JSON; got Bicep: {way_out}")])
    try:
        documents = parse(text, file)
    except ManifestError as error:
        return Template(problems=list(error.problems))
    if len(documents) != 1:
        message = f"must hold one container group; got {len(documents)} documents"
        return Template(problems=[Problem(file, 1, "", message)])
    document = documents[0]
    filled = resolve(document, variables, secret_at=secret_at, text_at=_text_at)
    written = _written_out(document, home)
    unfit = dict(_unfit(document, document.value, ()))
    # What is wrong there is hidden from all further checks, whose messages may quote what they find.
    hidden = {path: WrittenSecret(WRITTEN_OUT, f"{home}#{dotted(path)}") for path in unfit}
    value = _with_references(filled.value, (), written | hidden)
    kept = _without_written(text, document, written)
    return Template(value, kept, filled.used, document, [*filled.problems, *unfit.values()])


def _unfit(document: Document, value: Any, path: Path) -> Iterator[tuple[Path, Problem]]:
    """Find every place of a secret that holds more than one value, with its problem, which never quotes them."""
    if secret_at(path) and isinstance(value, dict | list):
        message = f"must be one text or number, or a reference such as ${{env:NAME}}; got {shown(value)}"
        yield path, Problem(document.file, document.line(path), dotted(path), message)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _unfit(document, item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unfit(document, item, (*path, number))


def check_template(template: Template, settings: ContainerInstances, **facts: Any) -> list[Problem]:
    """Judge a template by the provider's rules; `facts` are service, image and replicas of the target."""
    document = template.document
    if document is None:
        return []
    found = check(
        template.value,
        location=settings.location,
        containers=settings.containers,
        allow_system_identity=settings.allow_system_identity,
        **facts,
    )
    all_found = [*misshapen(template.value), *((each.path, each.message) for each in found)]
    return [Problem(document.file, document.line(path), dotted(path), message) for path, message in all_found]


def _written_out(document: Document, home: str) -> dict[Path, SecretRef]:
    """Find secrets that stand in the file as they are; an anchor's first place names all of its aliases.

    What is given as `${var:…}` is plain by its author's word, and so is text that also stands where plain text goes.
    """
    first: dict[tuple[int, int], Path] = {}
    plain: set[tuple[int, int]] = set()
    for path, span in document.spans.items():
        first.setdefault(span, path)
        if not secret_at(path):
            plain.add(span)
    references: dict[Path, SecretRef] = {}
    for path, span in document.spans.items():
        value = _at(document.value, path)
        if not secret_at(path) or span in plain or value in (None, "") or refers(value):
            continue
        again = _REFERENCE.fullmatch(str(value))
        name = again[1] if again else f"{home}#{_place(document, first[span])}"
        references[path] = WrittenSecret(WRITTEN_OUT, name)
    return references


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _place(document: Document, path: Path) -> str:
    """Write a path as `dotted` does, each list entry with the name it has in the file (percent-encoded) if it has one.

    Names are taken as written, variables unfilled: whoever reads the secret again has no variables.
    """
    text, around, listed = "", document.value, ""
    for part in path:
        around = around[part]
        if not isinstance(part, int):
            # A dollar would begin a reference inside the one that this place becomes.
            key = part.replace("%", "%25").replace("$", "%24")
            text, listed = f"{text}.{key}" if text else key, part
            continue
        key = "server" if listed == "imageRegistryCredentials" else "name"
        name = around.get(key) if isinstance(around, dict) else None
        text += f"[{part}]" if name is None else f"[{part}:{quote(str(name), safe='')}]"
    return text


def _with_references(value: Any, path: Path, references: Mapping[Path, SecretRef]) -> Any:
    if path in references:
        return references[path]
    if isinstance(value, dict):
        return {key: _with_references(item, (*path, key), references) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_references(item, (*path, number), references) for number, item in enumerate(value)]
    return value


def _without_written(text: str, document: Document, references: Mapping[Path, SecretRef]) -> str:
    """The file's text with each written secret replaced by its reference, on unchanged lines."""
    for (start, end), reference in sorted(
        {document.spans[path]: reference for path, reference in references.items()}.items(), reverse=True
    ):
        old = text[start:end]
        marks = ""
        while old.startswith(("&", "!")):
            mark, _, rest = old.partition(" ")
            marks, old = f"{marks}{mark} ", rest.lstrip(" ")
        text = f"{text[:start]}{marks}{json.dumps(str(reference))}{chr(10) * old.count(chr(10))}{text[end:]}"
    return text


def resolve_written(reference: SecretRef) -> str:
    """Read a written secret from the template's file as it is now.

    Raises NotSent naming the place, never the value, when the file or the place is not there any more, when the entries
    around it have other names by now, and when what stands there is no longer a value written out.
    """
    home, _, rest = reference.name.partition("#properties.")
    try:
        for document in parse(read_text(home), home):
            for path in document.spans:
                if _place(document, path) == f"properties.{rest}":
                    return _written_at(document, path, reference)
    except ManifestError as error:
        raise NotSent(f"the secret {reference} cannot be read: {error}", code="SecretUnresolved") from None
    what = "is no longer in its file: expected entries of the same names in the same order as when it was submitted"
    raise NotSent(f"the secret {reference} {what}; restore them or submit again", code="SecretUnresolved")


def _written_at(document: Document, path: Path, reference: SecretRef) -> str:
    value = _at(document.value, path)
    if value in (None, "") or refers(value):
        what = "expected a value written out, as when it was submitted; restore it or submit again"
        raise NotSent(f"the secret {reference} is no longer in its file: {what}", code="SecretUnresolved")
    # An unquoted word counts as it was written, because a number or a date would lose digits.
    return document.plain.get(path, str(value)).replace("$${", "${")


def templates_hash(settings: Mapping[str, ContainerInstances | Deployments], image: str) -> str:
    """Hash what all targets' templates mean: 64 hexadecimal digits (SHA-256), equal for equal meaning.

    It is taken over what would be sent to make a workload, so read-only fields of an export, its name, the tag of a
    replaced image, key order and how numbers are written do not count; nor do secret values and injected words.
    """
    meanings = {name: _canonical(_meaning(target, image)) for name, target in settings.items()}
    text = json.dumps(meanings, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _meaning(settings: ContainerInstances | Deployments, image: str) -> Any:
    if not isinstance(settings, ContainerInstances):
        from providers.kubernetes.requests import meaning

        return meaning(settings, image)
    from providers.azure.requests import group_body
    from strategies.seen import Mark

    neutral = replace(settings, subscription="", resource_group="", location="", inject=False)
    return group_body(neutral, image, Mark("rollout", "", "", 0, 0))


def _canonical(value: Any) -> Any:
    if isinstance(value, WrittenSecret):
        return {"secret": WRITTEN_OUT}
    if isinstance(value, SecretRef):
        return {"secret": str(value)}
    if isinstance(value, Mapping):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
