"""YAML and JSON files to plain values that remember the line of every key and item, for any input and within bounds.

The parser's events are read directly: duplicate keys, tabs, foreign tags, aliases that explode and nesting without end
each become one clear problem, and no input costs more than a second or so. JSON is read as the YAML that it is.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.manifest.problems import ManifestError, Path, Problem, dotted, shown
from orchestrator.manifest.scalars import resolve, tagged

MAX_BYTES = 1 << 20
MAX_VALUES = 20_000
MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: its plain value, and where each part of it stands.

    `lines` count from 1. `plain` holds the original word of every unquoted scalar, `spans` the character range of every
    scalar in `text`, which is the whole file; the document itself is `text[start:end]`.
    """

    file: str
    value: Any
    lines: Mapping[Path, int]
    plain: Mapping[Path, str]
    spans: Mapping[Path, tuple[int, int]]
    text: str
    start: int
    end: int

    def line(self, path: Path) -> int:
        """The line of the value at `path`, or of the nearest thing around it that exists."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def source(self) -> str:
        """This document's own text, on the same line numbers as in its file."""
        return "\n" * self.text.count("\n", 0, self.start) + self.text[self.start : self.end]


def read_text(file: str) -> str:
    """Read a file as UTF-8 text, at most `MAX_BYTES`; raises ManifestError saying what is wrong with the file."""
    try:
        with pathlib.Path(file).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _error(file, 0, "must be a file that exists; got nothing at this path") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise _error(file, 0, f"must be a readable file; got: {why}") from None
    if len(data) > MAX_BYTES:
        raise _error(file, 0, f"must be at most {MAX_BYTES >> 20} MiB; got a larger file")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _error(file, 1, "must be UTF-8 text; got UTF-16 (by its byte order mark): save it again as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _error(file, line, f"must be UTF-8 text; got the byte 0x{data[error.start]:02x}") from None


def parse(text: str, file: str) -> list[Document]:
    """Parse all documents of a text, empty ones left out; raises ManifestError with what is wrong and where."""
    import yaml

    try:
        return list(_Parser(text, file).documents())
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _error(file, line, f"must be text; got the control character 0x{error.character:02x}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or "it cannot be read"
        around = f" ({error.context})" if error.context and error.problem else ""
        if "'\\t'" in what:
            what, around = "a tab where only spaces may indent", ""
        elif mark and "flow" in around and "${" in "".join(text.split("\n")[mark.line : mark.line + 1]):
            around += ": between braces or brackets, quote what holds ${…}"
        raise _error(file, mark.line + 1 if mark else 0, f"must be valid YAML; got: {what}{around}") from None


def _error(file: str, line: int, message: str) -> ManifestError:
    return ManifestError([Problem(file, line, "", message)])


@dataclass(slots=True)
class _Node:
    line: int
    span: tuple[int, int] = (0, 0)
    word: str | None = None
    """The original text of an unquoted scalar."""
    value: Any = None
    items: list[_Node] | None = None
    pairs: list[tuple[_Node, _Node]] | None = None


@dataclass(slots=True)
class _Parser:
    text: str
    file: str
    events: Iterator[Any] = field(init=False)
    anchors: dict[str, _Node] = field(default_factory=dict)
    nodes: int = 0

    def __post_init__(self) -> None:
        import yaml

        # A tab between JSON's tokens is legal there and not in YAML; inside its strings it is legal in neither.
        json_like = self.file.endswith(".json")
        self.events = yaml.parse(self.text.replace("\t", " ") if json_like else self.text, Loader=yaml.SafeLoader)

    def documents(self) -> Iterator[Document]:
        import yaml

        for event in self.events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            mark = event.start_mark.index if event.start_mark else 0
            start, self.anchors = self.text.rfind("\n", 0, mark) + 1, {}
            root = self._node(next(self.events), 0)
            end = next(self.events).end_mark.index
            if root.value is None and root.items is None and root.pairs is None:
                continue
            yield _Expansion(self.file).document(root, self.text, start, end)

    def _node(self, event: Any, depth: int) -> _Node:
        import yaml

        line = event.start_mark.line + 1
        self.nodes += 1
        if self.nodes > MAX_VALUES:
            raise _error(self.file, line, f"must hold at most {MAX_VALUES} values; got more")
        if depth > MAX_DEPTH:
            raise _error(self.file, line, f"must be nested at most {MAX_DEPTH} deep; got deeper")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise _error(self.file, line, f"*{event.anchor} must name an anchor that stands complete above it")
            return self.anchors[event.anchor]
        node = _Node(line)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, node)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._untagged(event, "seq")
            node.items = []
            while not isinstance(inner := next(self.events), yaml.SequenceEndEvent):
                node.items.append(self._node(inner, depth + 1))
        else:
            self._untagged(event, "map")
            node.pairs = []
            while not isinstance(inner := next(self.events), yaml.MappingEndEvent):
                key = self._node(inner, depth + 1)
                node.pairs.append((key, self._node(next(self.events), depth + 1)))
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _scalar(self, event: Any, node: _Node) -> None:
        node.span = (event.start_mark.index, event.end_mark.index)
        text = str(event.value)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            try:
                text = text.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                raise _error(self.file, node.line, "must be text; got half of a surrogate pair") from None
        try:
            if event.tag not in (None, "!"):
                node.value = tagged(text, event.tag)
                return
        except ValueError as error:
            raise _error(self.file, node.line, str(error)) from None
        node.value = text
        if event.style is None and event.tag is None:
            node.word, node.value = text, resolve(text)

    def _untagged(self, event: Any, kind: str) -> None:
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{kind}"):
            text = f"the tag {event.tag} is not supported here; write a plain value"
            raise _error(self.file, event.start_mark.line + 1, text)


@dataclass(slots=True)
class _Expansion:
    """Nodes to values; an alias counts as often as it is used, so that few bytes cannot become many values."""

    file: str
    lines: dict[Path, int] = field(default_factory=dict)
    plain: dict[Path, str] = field(default_factory=dict)
    spans: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def document(self, root: _Node, text: str, start: int, end: int) -> Document:
        value = self._value(root, (), root.line)
        if self.problems:
            raise ManifestError(self.problems)
        return Document(self.file, value, self.lines, self.plain, self.spans, text, start, end)

    def _value(self, node: _Node, path: Path, line: int) -> Any:
        self._charge(node, len(path))
        self.lines[path] = line
        if node.items is not None:
            return [self._value(item, (*path, number), item.line) for number, item in enumerate(node.items)]
        if node.pairs is not None:
            entries = self._entries(node, path, 0)
            return {key: self._value(value, (*path, key), line) for key, (line, value) in entries.items()}
        self.spans[path] = node.span
        if node.word is not None:
            self.plain[path] = node.word
        return node.value

    def _entries(self, node: _Node, path: Path, depth: int) -> dict[str, tuple[int, _Node]]:
        own: dict[str, tuple[int, _Node]] = {}
        merged: dict[str, tuple[int, _Node]] = {}
        for key, value in node.pairs or ():
            if key.word == "<<":
                for source in [value] if value.items is None else value.items:
                    merged = self._merge(source, path, key.line, depth + 1) | merged
                continue
            name = key.word if key.word is not None else key.value
            if not isinstance(name, str):
                self._say(key.line, path, "a key must be a single word or text")
            elif name in own:
                self._say(key.line, (*path, name), f"must be given once; it is given on line {own[name][0]} already")
            else:
                own[name] = (key.line, value)
        return merged | own

    def _merge(self, source: _Node, path: Path, line: int, depth: int) -> dict[str, tuple[int, _Node]]:
        self._charge(source, depth)
        if source.pairs is None:
            self._say(line, path, f"<< must name a mapping or a list of mappings; got {shown(source.value)}")
            return {}
        return self._entries(source, path, depth)

    def _charge(self, node: _Node, depth: int) -> None:
        self.count += 1
        if depth > MAX_DEPTH:
            raise _error(self.file, node.line, f"must be nested at most {MAX_DEPTH} deep, aliases included; got deeper")
        if self.count > MAX_VALUES:
            raise _error(self.file, node.line, f"aliases must expand to at most {MAX_VALUES} values; got more")

    def _say(self, line: int, path: Path, message: str) -> None:
        self.problems.append(Problem(self.file, line, dotted(path), message))
