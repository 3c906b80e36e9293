"""The state folder `.daira/`: one run at a time, generated secrets, and the record of what runs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from dev.errors import DevError
from dev.ports import describe

# Each has a key of its own, which says who it is to the others.
SERVICES = ("auth", "payments", "social", "analytics")
SECRET_NAMES = (
    "postgres_password",
    "auth_password",
    "payments_password",
    "social_password",
    "redis_password",
    *(f"{service}_signing_key" for service in SERVICES),
    "page_token_key",
    "auth_key_encryption_key",
    "payments_key_encryption_key",
    "provider_key",
)
# These open what is stored: data without them is lost. The others are simply made anew.
BOUND_TO_DATA = {"postgres_password", "auth_key_encryption_key"}
# As base64url without padding, which is also how the auth service wants its key.
SECRET_BYTES = 32
CLOCK_SLACK_S = 1.0


@dataclass(frozen=True)
class RecordedProcess:
    """A process of a run; the time it began tells it from a stranger that got its pid later."""

    name: str
    pid: int
    created: float


class Home:
    """One state folder. `hold` it before touching what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Be the only run of this folder; raises DevError naming the other one. The lock ends with the process."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # nobody must be able to pass through to its own data when PostgreSQL runs as nobody.
            self.folder.chmod(0o755)
            lock = (self.folder / "lock").open("a+", encoding="ascii")
        except OSError as error:
            raise DevError(
                f"The state folder {self.folder} cannot be used: {error.strerror}.", "Name another one in DAIRA_HOME."
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                text = lock.read().strip()
                owner = describe(int(text)) if text.isdigit() else "another process"
                raise DevError(
                    f"DAIRA already runs from {self.folder}: {owner}.",
                    "Stop it with Ctrl-C there, or name another state folder in DAIRA_HOME.",
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def is_held(self) -> bool:
        """Whether a run holds the folder now."""
        try:
            with (self.folder / "lock").open("a+", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def secrets(self) -> dict[str, str]:
        """Passwords and keys of this folder, made on first use; the file is for its owner's eyes only."""
        path = self.folder / "secrets.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            found = {}
        except ValueError as error:
            raise DevError(
                f"{path} is damaged: {error}.",
                "It holds the passwords of the data beside it. Restore it, or move the whole state folder away.",
            ) from error
        missing = [name for name in SECRET_NAMES if not isinstance(found.get(name), str)]
        lost = [name for name in missing if name in BOUND_TO_DATA]
        if lost and (self.folder / "postgres").exists():
            raise DevError(
                f"{path} does not hold {', '.join(lost)}, and {self.folder / 'postgres'} needs it.",
                f"Restore the file, or move {self.folder} away and start again.",
            )
        found |= {name: secrets.token_urlsafe(SECRET_BYTES) for name in missing}
        if missing:
            _write_private(path, found)
        return {name: str(found[name]) for name in SECRET_NAMES}

    def record(self, processes: Iterable[RecordedProcess]) -> None:
        """Write down what runs, for a next run after this one was killed."""
        _write_private(self.folder / "processes.json", [vars(process) for process in processes])

    def recorded(self) -> list[RecordedProcess]:
        """Processes of the last run that still live."""
        try:
            rows = json.loads((self.folder / "processes.json").read_text(encoding="utf-8"))
            records = [RecordedProcess(str(row["name"]), int(row["pid"]), float(row["created"])) for row in rows]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return []
        return [record for record in records if is_alive(record)]

    def write_endpoints(self, endpoints: Mapping[str, str]) -> None:
        """Write down the addresses and URLs of this run, for `daira load` beside it."""
        _write_private(self.folder / "endpoints.json", dict(endpoints))

    def endpoints(self) -> dict[str, str]:
        """The addresses and URLs of the run that holds the folder; empty when none does."""
        if not self.is_held():
            return {}
        try:
            return {str(k): str(v) for k, v in json.loads((self.folder / "endpoints.json").read_text("utf-8")).items()}
        except (FileNotFoundError, ValueError, AttributeError):
            return {}


def created_at(pid: int) -> float:
    """When the process began, seconds since the epoch; 0 when it is gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def is_alive(record: RecordedProcess) -> bool:
    """Whether this very process still runs."""
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created) < CLOCK_SLACK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _write_private(path: Path, content: object) -> None:
    unfinished = path.with_suffix(".tmp")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
