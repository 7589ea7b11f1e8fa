"""What the ears say to the shell: look again. Never a command, and nothing in it is believed but that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signal:
    """Something may be new in a repository; whoever watches it reads the registry itself.

    `host` is None where the sender does not name its registry; then every watched repository of that name is meant.
    `tag` and `digest` are what the sender says was pushed, for a log line and to know what may take a while to appear.
    """

    host: str | None
    repository: str
    tag: str | None = None
    digest: str | None = None
    why: str = ""
    """Who said so, as in `acr` or `github`."""
