"""What `start`, `plan` and `doctor` are given: one manifest with its variables, and the image that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.cli.failures import Failure
from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank
from strategies.model import Reason

if TYPE_CHECKING:
    from orchestrator.desk import Desk
    from orchestrator.manifest.loader import Loaded
    from watchers.reference import Reference


def load_one(file: str, vars_files: Sequence[str], pairs: Sequence[str], service: str | None = None) -> Loaded:
    """Load the one service that is meant; raises ManifestError with every problem, Failure when several are in it."""
    from orchestrator.manifest.loader import load
    from orchestrator.manifest.variables import read_variables

    loaded = load([file], read_variables(vars_files, pairs))
    if service is not None:
        loaded = [each for each in loaded if each.manifest.service == service]
    if len(loaded) == 1:
        return loaded[0]
    names = ", ".join(each.manifest.service for each in loaded) or f"no service called {service}"
    raise Failure(f"{file}: holds {names}; expected one service: name it with --service", ExitCode.USAGE)


def meant(name: str, image: str | None, tag: str | None) -> Reference | None:
    """Which image of the repository `name` is wanted, by reference or by tag; None where neither says.

    Raises ReferenceProblem for what is no reference, or one of another repository.
    """
    from watchers.reference import ReferenceProblem, parse

    if image is None and tag is None:
        return None
    home = parse(name)
    wanted = home.tagged(tag) if tag is not None else parse(image or "")
    if wanted.name != home.name:
        raise ReferenceProblem(f"must be of {home.name}, the manifest's image; got {image}")
    return wanted


def digest_for(desk: Desk, loaded: Loaded, image: str | None, tag: str | None) -> tuple[str | None, str | None]:
    """The wanted digest and the tag it was found by, asking the registry where only a tag is known; None: not said.

    Raises Failure with exit code 2 for a reference that does not fit, 7 when the registry has no such image.
    """
    from watchers.errors import RegistryError
    from watchers.reference import ReferenceProblem

    if image is not None and tag is not None:
        raise Failure("--image and --tag say the same thing twice: give one of them", ExitCode.USAGE)
    try:
        wanted = meant(loaded.manifest.image, image, tag)
    except ReferenceProblem as error:
        raise Failure(f"{'--tag' if image is None else '--image'}: {error}", ExitCode.USAGE) from error
    if wanted is None:
        return None, None
    if wanted.digest is not None:
        return wanted.digest, wanted.tag
    try:
        return desk.digest(wanted), wanted.asked
    except RegistryError as error:
        message = str(error)
        refused = blank(loaded.manifest.service, "refused", Reason("imageUnknown", message))
        raise Failure(message, ExitCode.REFUSED, refused) from error
