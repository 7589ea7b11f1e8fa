"""From a store's URL to a store that is ready: the file and its place, the driver, the tables at their newest."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.store.errors import StoreMisplaced

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Engine

    from orchestrator.store.sql import SqlStore

_NETWORK = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.blobfuse",
        "fuse.blobfuse2",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    }
)
CONNECT_SECONDS = 5
"""How long a database may take to welcome a connection."""
LIMITS = {
    "connect_timeout": str(CONNECT_SECONDS),
    "keepalives": "1",
    "keepalives_idle": "3",
    "keepalives_interval": "2",
    "keepalives_count": "2",
    "tcp_user_timeout": "7000",
    "options": "-c statement_timeout=8s -c lock_timeout=6s",
}
"""What is asked of PostgreSQL's driver, kernel and server, unless the URL says otherwise.

A database that falls silent must be given up before a lease of 15 s is over, a new connection's welcome included.
"""
_WAY_OUT = "name another place with --store sqlite:////absolute/path/rollout.db or ROLLOUT_STORE, or use postgresql://"


def default_url() -> str:
    """Return the URL of the file under the platform's state directory (XDG_STATE_HOME where that is set)."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        stated = os.environ.get("XDG_STATE_HOME", "")
        # The XDG specification says that a relative path there shall be ignored.
        base = Path(stated) if Path(stated).is_absolute() else Path.home() / ".local" / "state"
    return f"sqlite:///{base / 'rollout' / 'rollout.db'}"


def open_store(url: str | None = None) -> SqlStore:
    """Open the store at `url` (default `default_url()`), making or migrating its tables where that is needed.

    Raises StoreMisplaced when the URL or the place can never work, StoreUnavailable when the database does not answer.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    from orchestrator.store.database import Database
    from orchestrator.store.sql import SqlStore
    from orchestrator.store.tables import ready

    try:
        parsed = make_url(url or default_url())
    except ArgumentError:
        # Not repeated here: a URL that cannot be parsed may hold a password anywhere.
        raise StoreMisplaced(
            "store: expected sqlite:////path/to/file.db or postgresql://user@host/database; got something else"
        ) from None
    name, backend = _named(parsed), parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql", "postgres"):
        raise StoreMisplaced(f"store: expected a sqlite or postgresql URL; got {name}")
    database = Database(_sqlite(parsed) if backend == "sqlite" else _postgresql(parsed), name)
    try:
        ready(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)


def _named(url: URL) -> str:
    """The store's name for messages: what it is and where, and nothing else; the query may hold passwords too."""
    host = url.host or ",".join(_words(url.query.get("host", ())))
    port = "" if url.port is None else f":{url.port}"
    database = "" if url.database is None else f"/{url.database}"
    return f"{url.get_backend_name()}://{host}{port}{database}"


def _sqlite(url: URL) -> Engine:
    from sqlalchemy import create_engine

    from orchestrator.store.database import BUSY_SECONDS, begin_as_asked

    if url.database in (None, "", ":memory:") or url.query:
        more = " and more" if url.query else ""
        raise StoreMisplaced(f"store: expected a plain file, sqlite:////path/to/file.db; got {_named(url)}{more}")
    path = Path(str(url.database)).expanduser().absolute()
    _place(path)
    engine = create_engine(url.set(database=str(path)), connect_args={"timeout": BUSY_SECONDS})
    begin_as_asked(engine)
    return engine


def _postgresql(url: URL) -> Engine:
    from sqlalchemy import create_engine

    from orchestrator.store.database import give_up_on_silence

    limits = {key: value for key, value in LIMITS.items() if key not in url.query}
    # Of two words for one setting the server takes the later one.
    limits["options"] = " ".join((LIMITS["options"], *_words(url.query.get("options", ()))))
    address = url.set(drivername="postgresql+psycopg")
    try:
        # A connection that a firewall dropped while idle is found out before it is used, not by a failed save.
        engine = create_engine(address, pool_pre_ping=True, connect_args=limits)
        give_up_on_silence(engine)
        return engine
    except ImportError as error:
        raise StoreMisplaced(
            "store: a postgresql:// store needs the driver psycopg 3: pip install 'psycopg[binary]' "
            f"where rollout is installed (pipx inject rollout 'psycopg[binary]'); {error}"
        ) from error


def _words(asked: str | tuple[str, ...]) -> tuple[str, ...]:
    return (asked,) if isinstance(asked, str) else asked


def _place(path: Path) -> None:
    """Make the file and the folders above it, for this user only; raise when that cannot be a good place."""
    try:
        _folders(path.parent)
        kind = filesystem(path.parent.resolve(), _mounts())
        if kind in _NETWORK:
            raise StoreMisplaced(
                f"store: {path} is on a network file system ({kind}), where SQLite cannot keep two processes apart; "
                f"{_WAY_OUT}"
            )
        # A new journal holds names and addresses of what runs: nobody else's business, whatever the umask says.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreMisplaced(f"store: {path} cannot be opened for writing: {error.strerror}; {_WAY_OUT}") from error


def _folders(folder: Path) -> None:
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)


def _mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text(errors="replace")
    except OSError:  # only Linux has it
        return ""


def filesystem(path: Path, mounts: str) -> str | None:
    """Name the kind of file system that `path` is on, by a table as in /proc/self/mounts; None when it does not say."""
    best, kind = -1, None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        place = Path(fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        # A later mount on the same place hides the earlier one.
        if len(place.parts) >= best and path.is_relative_to(place):
            best, kind = len(place.parts), fields[2]
    return kind
