"""Passwords under Argon2id, in a small pool of threads of their own: hashing must not starve the event loop."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from services.chassis.errors import exhausted

_T = TypeVar("_T")

# Roughly what one hash takes on a small core; only the hint of when to come back is made of it.
_HASH_MS: Final = 40
_NICENESS: Final = 10


@dataclass(frozen=True, slots=True)
class HashingSettings:
    """Argon2id's cost (OWASP's 19 MiB, two passes, one lane) and the pool: `threads` work, at most `queue` wait."""

    memory_kib: int = 19_456
    time_cost: int = 2
    parallelism: int = 1
    threads: int = 2
    queue: int = 32


class Argon2Hasher:
    """Hashes and verifies. Close it to end its threads."""

    def __init__(self, settings: HashingSettings) -> None:
        self._settings = settings
        self._argon2 = argon2.PasswordHasher(
            time_cost=settings.time_cost,
            memory_cost=settings.memory_kib,
            parallelism=settings.parallelism,
            type=argon2.Type.ID,
        )
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="argon2", initializer=_step_back)
        self._admitted = 0
        # Unknown names are checked against this, so that they cost what known ones cost.
        self._nobody = self._argon2.hash(secrets.token_urlsafe(24))

    async def hash(self, password: str) -> str:
        """A new salted hash; AppError RESOURCE_EXHAUSTED, reason OVERLOADED, when the queue is full."""
        with self.place() as place:
            return await place.run(lambda: self._argon2.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one hashed; False without a hash, after the same work. Errors as for `hash`."""
        with self.place() as place:
            return await place.verify(password_hash, password)

    def place(self) -> _Place:
        """A place in the queue; AppError RESOURCE_EXHAUSTED, reason OVERLOADED, when it is full."""
        self.require_room()
        return _Place(self, self._pool)

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than these."""
        return bool(self._argon2.check_needs_rehash(password_hash))

    def require_room(self) -> None:
        """AppError RESOURCE_EXHAUSTED, reason OVERLOADED, when the queue is full."""
        if self._admitted >= self._settings.threads + self._settings.queue:
            raise exhausted("too many sign-ins at once", self._admitted * _HASH_MS // self._settings.threads)

    def waiting(self) -> int:
        """How many are being hashed or wait."""
        return self._admitted

    def close(self) -> None:
        """End the threads; what waits is not done."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def matches(self, password_hash: str | None, password: str) -> bool:
        """What `verify` answers, here and now."""
        try:
            is_right = bool(self._argon2.verify(password_hash or self._nobody, password))
        except (VerificationError, InvalidHashError):
            return False
        return is_right and password_hash is not None

    def enter(self) -> None:
        """Count one more who hashes or waits."""
        self._admitted += 1

    def leave(self) -> None:
        """Count one less."""
        self._admitted -= 1


class _Place:
    """Somebody's place among those who hash or wait, from before they ask the database anything."""

    def __init__(self, hasher: Argon2Hasher, pool: ThreadPoolExecutor) -> None:
        self._hasher = hasher
        self._pool = pool
        self._work: Future[Any] | None = None

    def __enter__(self) -> Self:
        self._hasher.enter()
        return self

    def __exit__(self, *_error: object) -> None:
        work = self._work
        if work is None or work.done():
            self._hasher.leave()
            return
        # A caller who gave up frees the place only when the work is over, which is told in the thread that did it.
        loop = asyncio.get_running_loop()
        work.add_done_callback(lambda _: None if loop.is_closed() else loop.call_soon_threadsafe(self._hasher.leave))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one hashed; False without a hash, after the same work."""
        return await self.run(lambda: self._hasher.matches(password_hash, password))

    async def run(self, work: Callable[[], _T]) -> _T:
        """What `work` gives, done in the pool. One after another in one place."""
        future = self._pool.submit(work)
        self._work = future
        return await asyncio.wrap_future(future)


def _step_back() -> None:
    """Let this thread yield to the event loop: on Linux a thread has a niceness of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def hash_password(password: str, settings: HashingSettings | None = None) -> str:
    """One hash, here and now: for tools that load accounts in bulk, never on a call's way."""
    settings = settings or HashingSettings()
    return argon2.PasswordHasher(
        time_cost=settings.time_cost,
        memory_cost=settings.memory_kib,
        parallelism=settings.parallelism,
        type=argon2.Type.ID,
    ).hash(password)
