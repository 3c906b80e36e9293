"""Sampled stacks put in order: shares of parts, of system calls and of functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

# Where a thread waits for the network, for a lock or for time to pass; "syscall" is how libraries wait on a futex.
WAITS = re.compile(
    r"^(epoll_p?wait|poll|ppoll|select|syscall|wait4|waitid|nanosleep|clock_nanosleep|pthread_cond_\w+) "
)
KERNEL = re.compile(r"^(write|writev|sendmsg|send|read|readv|recvmsg|recv|eventfd_\w+|getpid|epoll_ctl|futex\w*) ")
LINE = re.compile(r":\d+\)$")
ADDRESS = re.compile(r"^0x[0-9a-f]+")
# The first that matches a frame names its part; frames that match none belong to who called them.
PARTS = (
    ("extension", re.compile(r"daira_native|native_ranker\.py|native_plan\.py")),
    ("logging", re.compile(r"structlog|/logging\.py|telemetry\.py")),
    ("Redis client", re.compile(r"[( /]redis/|hiredis|redis_client\.py")),
    ("PostgreSQL client", re.compile(r"asyncpg")),
    ("metrics", re.compile(r"prometheus_client|interceptors/metrics\.py|_metrics\.py")),
    ("tokens", re.compile(r"joserfc|hmac\.py|page_token\.py|chassis/tokens\.py")),
    ("interceptors", re.compile(r"chassis/interceptors")),
    ("protobuf", re.compile(r"google/protobuf|google/_upb|_pb2")),
    ("HTTP server", re.compile(r"uvicorn|httptools|h11|starlette|gateway/http/")),
    ("GraphQL library", re.compile(r"[( /]graphql/")),
    ("use cases and adapters", re.compile(r"services/social/")),
    ("gateway", re.compile(r"gateway/")),
    ("gRPC", re.compile(r"grpc")),
)
REST = "event loop and interpreter"
OURS = re.compile(r"\((services|gateway)/")

Stacks = list[tuple[list[str], int]]


def read_stacks(text: str) -> Stacks:
    """py-spy's raw form, "root;...;leaf count" a line, as frames without line numbers."""
    stacks = []
    for line in text.splitlines():
        frames, _, count = line.rpartition(" ")
        if frames and count.isdigit():
            stacks.append(([LINE.sub(")", frame) for frame in frames.split(";")], int(count)))
    return stacks


@dataclass(frozen=True)
class Profile:
    """Counts of samples, most first; `busy` is their sum. `inclusive` counts a function once a sample."""

    busy: int
    parts: list[tuple[str, int]]
    kernel: list[tuple[str, int]]
    own: list[tuple[str, int]]
    inclusive: list[tuple[str, int]]

    @classmethod
    def of(cls, stacks: Iterable[tuple[list[str], int]]) -> Profile:
        """Of the stacks whose leaf is no wait."""
        parts: Counter[str] = Counter()
        kernel: Counter[str] = Counter()
        own: Counter[str] = Counter()
        inclusive: Counter[str] = Counter()
        for frames, count in stacks:
            leaf = frames[-1]
            if WAITS.match(leaf):
                continue
            part = part_of(frames)
            parts[part] += count
            called = KERNEL.match(leaf)
            if called:
                kernel[f"{called[1]} of {part}"] += count
            own[ADDRESS.sub("(no symbol)", leaf)] += count
            for frame in {frame for frame in frames if OURS.search(frame)}:
                inclusive[frame] += count
        return cls(parts.total(), *(counter.most_common() for counter in (parts, kernel, own, inclusive)))


def part_of(frames: list[str]) -> str:
    """The part of the innermost frame that names one."""
    for frame in reversed(frames):
        for name, pattern in PARTS:
            if pattern.search(frame):
                return name
    return REST
