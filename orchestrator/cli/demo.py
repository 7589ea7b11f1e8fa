"""`rollout demo`: an emulated Azure, constant load, one good and one bad release, live; then the proof in numbers."""

from __future__ import annotations

from orchestrator.cli.failures import Failure, Terminated
from orchestrator.cli.session import Session
from orchestrator.exit_codes import ExitCode


def demo(session: Session) -> int:
    """Release a good and a bad version under load on this machine alone, and prove that nobody noticed.

    Takes about a minute and leaves nothing behind. The exit code is 0 only when every promise held.
    """
    from orchestrator.demo.stage import PlayError
    from providers.emulator.loopback import EmulatorError

    try:
        return _played(session)
    except KeyboardInterrupt as interrupt:
        session.out.note("interrupted; the demo's own Azure is gone, and nothing is left of it")
        return ExitCode.TERMINATED if isinstance(interrupt, Terminated) else ExitCode.INTERRUPTED
    except (PlayError, EmulatorError) as error:
        raise Failure(str(error), ExitCode.ERROR) from error


def _played(session: Session) -> int:
    from contextlib import ExitStack

    from orchestrator.cli.follow import listeners
    from orchestrator.demo.picture import Picture, Telling
    from orchestrator.demo.stage import Scene, opened

    out, scene = session.out, Scene()
    wordless = session.options.quiet or session.options.log_format is not None
    pictured = out.terminal and not wordless
    with ExitStack() as stack:
        if pictured:
            stack.enter_context(Picture(out, scene))
        show = _unseen if pictured or wordless else Telling(out)
        play = stack.enter_context(opened(scene, show, listeners(session)))
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
