"""Secrets as references: a manifest names where a value is, and only the act that sends it asks for the value."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from providers.errors import NotSent

KINDS = ("env", "file", "keyVault")


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is: `kind` env, file or keyVault; `name` the variable, the path, or `vault/secret[@version]`.

    Stands inside a parsed template in place of the value. Raises ValueError for a kind that is none of the three.
    """

    kind: str
    name: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a secret's kind must be one of {', '.join(KINDS)}; got {self.kind!r}")

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"


class Secrets(Protocol):
    """Turns references into values when an act is made."""

    def resolve(self, ref: SecretRef) -> str:
        """Return the secret's value; raises NotSent naming the reference, never the value, when it cannot be had."""
        ...


@dataclass(frozen=True, slots=True)
class LocalSecrets:
    """Secrets of this process: environment variables and files; `others` resolves the kinds that need a service."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    others: Mapping[str, Callable[[SecretRef], str]] = field(default_factory=dict)

    def resolve(self, ref: SecretRef) -> str:
        """Return the value; a file's last line break is not part of it. Raises NotSent when it cannot be had."""
        if ref.kind == "env":
            if ref.name not in self.environment:
                raise _unresolved(ref, f"set the environment variable {ref.name} for the process that runs the engine")
            return self.environment[ref.name]
        if ref.kind == "file":
            try:
                text = Path(ref.name).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise _unresolved(ref, f"the engine must be able to read the file ({why})") from None
            return text.removesuffix("\n").removesuffix("\r")
        if ref.kind in self.others:
            return self.others[ref.kind](ref)
        raise _unresolved(ref, f"no resolver for {ref.kind} is set up here")


def _unresolved(ref: SecretRef, remedy: str) -> NotSent:
    return NotSent(f"the secret {ref} cannot be resolved: {remedy}", code="SecretUnresolved")


def resolve_all(value: Any, secrets: Secrets) -> Any:
    """Copy a JSON-like value with every reference in it resolved; raises NotSent at the first that fails."""
    if isinstance(value, SecretRef):
        return secrets.resolve(value)
    if isinstance(value, Mapping):
        return {key: resolve_all(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve_all(item, secrets) for item in value]
    return value
