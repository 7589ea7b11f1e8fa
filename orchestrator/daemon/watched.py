"""What the daemon keeps of a service whose manifest is in force: small, because there may be thousands."""

from __future__ import annotations

from dataclasses import dataclass, field
from sys import intern
from typing import TYPE_CHECKING

from orchestrator.manifest.problems import ManifestError

if TYPE_CHECKING:
    from orchestrator.manifest.loader import Loaded
    from watchers.policies import Policy


@dataclass(frozen=True, slots=True)
class Watched:
    """One service: where its image comes from and by which rule a new one is found.

    `policy` is None for a manifest without `follow`, which may be started by hand and is
    not watched. `problem` says what is wrong with the manifest on disk while the last good one is in force; empty when
    they are the same.
    """

    service: str
    file: str
    host: str
    repository: str
    policy: Policy | None
    every_seconds: float
    problem: str = ""
    line: int = field(default=0, compare=False)
    """Where in the file its document names it."""

    @property
    def image(self) -> str:
        """The image without tag and digest, `host/repository`."""
        return f"{self.host}/{self.repository}"


def watched_of(loaded: Loaded, line: int = 0) -> Watched:
    """Take from a manifest what watching needs; raises ManifestError for a rule or an image that cannot be followed."""
    from watchers.policies import PolicyProblem, policy_of
    from watchers.reference import ReferenceProblem, parse

    manifest = loaded.manifest
    policy, every_seconds = None, 0.0
    if manifest.follow is not None:
        rules = manifest.follow.model_dump(by_alias=True, exclude_unset=True, exclude={"every"})
        every_seconds = manifest.follow.every
        try:
            policy = policy_of({key: value for key, value in rules.items() if value is not None})
        except PolicyProblem as error:
            raise ManifestError([loaded.problem(("follow", *error.path), error.message)]) from None
    try:
        image = parse(manifest.image)
    except ReferenceProblem as error:
        raise ManifestError([loaded.problem(("image",), str(error))]) from None
    return Watched(
        service=manifest.service,
        file=loaded.file,
        host=intern(image.host),
        repository=image.repository,
        policy=policy,
        every_seconds=every_seconds,
        line=line,
    )
