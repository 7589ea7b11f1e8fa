"""A reader of the part of Bicep that examples/deploy/aci uses: what a file declares, and what its values come to."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "deploy" / "aci"
TOKEN = re.compile(
    r"(?P<space>[ \t]+|//[^\n]*)|(?P<newline>\n)|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<text>'(?:\\.|\$\{(?:[^{}']|'[^']*')*\}|[^'\\\n])*')|(?P<sign>=>|[{}\[\]().,:?=@])"
)
BUILT_IN = {"az", "guid", "readEnvironmentVariable", "resourceGroup", "subscription", "subscriptionResourceId"}
ESCAPES = {"\\'": "'", "\\\\": "\\", "\\$": "$", "\\n": "\n"}


EVALUATED: dict[str, Callable[..., Any]] = {
    "concat": lambda *lists: [each for one in lists for each in one],
    "empty": lambda value: not value,
    "items": lambda value: [{"key": key, "value": each} for key, each in sorted(value.items())],
    "json": json.loads,
    "loadFileAsBase64": str,
    "loadJsonContent": str,
    "map": lambda values, function: [function(each) for each in values],
}


@dataclass(frozen=True)
class Later:
    """A value that only a deployment knows, such as an identity's id; shown by the expression that stands for it."""

    said: str

    def __str__(self) -> str:
        return f"<{self.said}>"


@dataclass
class Declaration:
    """One `param`, `var`, `resource`, `module` or `output`: its decorators, its name, its type or kind, its value."""

    word: str
    name: str
    kind: str
    decorators: tuple[str, ...]
    value: Any = None


@dataclass
class Reader:
    """Reads one file and evaluates what does not depend on a deployment."""

    text: str
    names: dict[str, Any] = field(default_factory=dict)
    folder: Path = FOLDER

    def __post_init__(self) -> None:
        self.tokens, at = [], 0
        while at < len(self.text):
            found = TOKEN.match(self.text, at)
            assert found is not None, f"not understood: {self.text[at : at + 40]!r}"
            if found.lastgroup != "space":
                self.tokens.append((found.lastgroup, found[0]))
            at = found.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> str:
        got = self.peek()
        assert wanted is None or got == wanted, f"expected {wanted!r}, got {got!r} at token {self.at}"
        self.at += 1
        return got

    def lines(self) -> None:
        while self.peek() in ("\n", ",") and self.at < len(self.tokens):
            self.at += 1

    def value(self) -> Any:
        """An expression, conditional or not."""
        found = self.primary()
        mark = self.at
        self.lines()
        if self.peek() != "?":
            self.at = mark
            return found
        self.take("?")
        yes = self.value()
        self.lines()
        self.take(":")
        no = self.value()
        return yes if found else no

    def primary(self) -> Any:
        kind, token = self.tokens[self.at]
        if token == "{":
            return self.mapping()
        if token == "[":
            return self.sequence()
        self.take()
        if kind == "number":
            return int(token)
        if kind == "text":
            return self.string(token)
        assert kind == "name", f"no value begins with {token!r}"
        if token in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token]
        return self.named(token)

    def named(self, name: str) -> Any:
        """A name with what is called and looked up on it; `name => value` is a function."""
        if self.peek() == "=>":
            self.take()
            return self.function(name)
        assert name in {*self.names, *BUILT_IN, *EVALUATED}, f"{name} is declared nowhere"
        said, found = name, self.names.get(name, Later(name))
        while self.peek() in (".", "(", "["):
            sign = self.take()
            if sign == ".":
                key = self.take()
                said = f"{said}.{key}"
                found = found.get(key, Later(said)) if isinstance(found, dict) else Later(said)
            elif sign == "(":
                found = self.call(said, list(self.arguments()))
                said = f"{said}()"
            else:
                self.value()
                self.take("]")
                found = Later(f"{said}[]")
        return found

    def arguments(self) -> Iterator[Any]:
        self.lines()
        while self.peek() != ")":
            yield self.value()
            self.lines()
        self.take(")")

    def function(self, argument: str) -> Callable[[Any], Any]:
        start = self.at
        self.names[argument] = {"key": "", "value": ""}
        self.value()
        end = self.at

        def apply(item: Any) -> Any:
            self.names[argument], self.at = item, start
            found = self.value()
            self.at = end
            return found

        return apply

    def call(self, name: str, given: list[Any]) -> Any:
        here = self.at
        if name == "loadJsonContent":
            found = json.loads((self.folder / given[0]).read_text())
        elif name == "loadFileAsBase64":
            found = b64encode((self.folder / given[0]).read_bytes()).decode()
        elif name in EVALUATED:
            found = EVALUATED[name](*given)
        else:
            found = Later(f"{name}({', '.join(map(str, given))})")
        self.at = here
        return found

    def string(self, token: str) -> str:
        def shown(part: re.Match[str]) -> str:
            if part[0] in ESCAPES:
                return ESCAPES[part[0]]
            inner = Reader(part[1], self.names, self.folder)
            return str(inner.value())

        return re.sub(r"\\.|\$\{((?:[^{}']|'[^']*')*)\}", shown, token[1:-1])

    def mapping(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        self.take("{")
        self.lines()
        while self.peek() != "}":
            kind, token = self.tokens[self.at]
            self.take()
            key = self.string(token) if kind == "text" else token
            self.take(":")
            assert key not in made, f"{key} twice"
            made[key] = self.value()
            assert self.peek() in ("\n", ",", "}"), f"after {key}: {self.peek()!r}"
            self.lines()
        self.take("}")
        return made

    def sequence(self) -> list[Any]:
        self.take("[")
        self.lines()
        if self.peek() == "for":
            return self.loop()
        made = []
        while self.peek() != "]":
            made.append(self.value())
            self.lines()
        self.take("]")
        return made

    def loop(self) -> list[Any]:
        self.take("for")
        if self.peek() == "(":
            self.take("(")
            name = self.take()
            self.take(",")
            self.names[self.take()] = 0
            self.take(")")
        else:
            name = self.take()
        self.take("in")
        values, made = self.value(), []
        self.take(":")
        start = self.at
        for each in values:
            self.names[name], self.at = each, start
            made.append(self.value())
        self.lines()
        self.take("]")
        return made


HEAD = re.compile(
    r"^(?P<decorators>(?:@[^\n]*\n)*)(?P<word>param|var|resource|module|output) (?P<name>\w+) ?"
    r"(?P<kind>'[^']*'|\w+)?(?P<existing> existing)? ?=? ?(?P<value>.*?)(?=^(?:@|param|var|resource|module|output)|\Z)",
    re.MULTILINE | re.DOTALL,
)


def declared(file: str) -> list[Declaration]:
    """Every declaration of a file, in order; values that stand in it are not evaluated yet."""
    return [
        Declaration(
            each["word"],
            each["name"],
            (each["kind"] or "").strip("'"),
            tuple(each["decorators"].split("\n")[:-1]),
            each["value"].strip(),
        )
        for each in HEAD.finditer((FOLDER / file).read_text())
    ]


def values(file: str, **given: Any) -> dict[str, Any]:
    """What a file's names stand for when these parameters are given."""
    names: dict[str, Any] = {each.name: Later(each.name) for each in declared(file)} | given
    for word in ("param", "var", "module", "resource", "output"):
        for each in declared(file):
            if each.word == word and each.value and each.name not in given:
                names[each.name] = Reader(each.value, names).value()
    return names
