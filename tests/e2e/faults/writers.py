"""Threads that write until the platform says that it stands: posts, deletions, likes, follows; each under its key."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from dev.scratch_platform import GraphQLError
from gateway import opaque_ids
from tests.e2e.faults.ledger import Ledger, Link
from tests.e2e.people import FEED, Person

PATIENCE_S = 90.0
PAUSE_S = 0.2
# What a platform may say that cannot do it now; everything else it says is an answer, or wrong.
LATER = {"SERVICE_UNAVAILABLE", "TIMEOUT", "RATE_LIMITED"}
REFUSALS = {"NOT_FOUND", "POST_NOT_FOUND"}
OWN_PAGE = 30
_bodies = itertools.count(1)


class Refused(Exception):  # noqa: N818 - it tells what happened
    """The platform has decided against it, which is an answer too."""


def number_of(opaque: str) -> int:
    """The number inside an opaque id."""
    return opaque_ids.decode(opaque, "id")[1]


def opaque_post(post_id: int) -> str:
    """The opaque id of a post."""
    return opaque_ids.encode(opaque_ids.IdType.POST, post_id)


@dataclass
class Writer:
    """One person at work in one thread. `fans` are others in whose name it follows and unfollows that person."""

    person: Person
    others: Sequence[Person]
    fans: Sequence[Person]
    ledger: Ledger
    chance: random.Random
    flips: bool = True
    hangs_up: float = 0.0  # the share of requests whose answer it does not wait for before it asks again
    attempts: int = 0
    unclear: Counter[str] = field(default_factory=Counter)
    own_posts_missed: list[str] = field(default_factory=list)

    @property
    def user_id(self) -> int:
        """The person's number."""
        return number_of(self.person.user_id)

    def work(self, stop: threading.Event) -> None:
        """Act until `stop`; what was begun is brought to its end first."""
        actions = (self.post, self.delete, self.like, self.unlike, self.follow, self.report)
        while not stop.wait(PAUSE_S * self.chance.uniform(0.5, 1.5)):
            self.chance.choices(actions, (40, 10, 28, 8, 10, 4))[0]()

    def post(self) -> None:
        """Publish, and sometimes look whether it is in the next feed."""
        body = f"بوست رقم {next(_bodies)} من {self.person.handle}"
        post = self.insist(self.person, "createPost", "post { id }", body=body)["post"]
        self.ledger.posted(number_of(post["id"]), self.user_id, body)
        if self.chance.random() < 1 / 3:
            self._look_for(post["id"])

    def _look_for(self, post_id: str) -> None:
        try:
            page = self.person.asks(FEED, mode="LATEST", first=OWN_PAGE)["homeFeed"]
        except (GraphQLError, OSError, ValueError):
            return
        if not page["degraded"] and post_id not in {edge["node"]["post"]["id"] for edge in page["edges"]}:
            self.own_posts_missed.append(post_id)

    def delete(self) -> None:
        """Delete a post of one's own."""
        own = self.ledger.living(self.user_id)
        if len(own) > OWN_PAGE // 2:
            post_id = self.chance.choice(own)
            self.ledger.deleting(post_id)
            self.insist(self.person, "deletePost", "postId", postId=opaque_post(post_id))
            self.ledger.deleted(post_id)

    def like(self) -> None:
        """Like somebody's post."""
        self._like("likePost", stands=True)

    def unlike(self) -> None:
        """Take a like back."""
        self._like("unlikePost", stands=False)

    def _like(self, mutation: str, *, stands: bool) -> None:
        liked = [post for (post, who), there in self.ledger.likes.items() if there and who == self.user_id]
        posts = self.ledger.living() if stands else liked
        if posts:
            post_id = self.chance.choice(posts)
            link: Link = (post_id, self.user_id)
            try:
                self.insist(self.person, mutation, "post { id }", postId=opaque_post(post_id))
            except Refused:
                # The post went meanwhile; an attempt without an answer may have come before that.
                self.ledger.linked(self.ledger.likes, link, None)
            else:
                self.ledger.linked(self.ledger.likes, link, stands)

    def report(self) -> None:
        """Report somebody else's post."""
        own = set(self.ledger.living(self.user_id))
        posts = [post_id for post_id in self.ledger.living() if post_id not in own]
        if posts:
            post_id = self.chance.choice(posts)
            with contextlib.suppress(Refused):
                self.insist(self.person, "reportPost", "postId", postId=opaque_post(post_id))
                self.ledger.linked(self.ledger.reports, (post_id, self.user_id), True)

    def follow(self) -> None:
        """Somebody follows or unfollows: this person another, or a fan this person, who so crosses the border."""
        pairs = [(fan, self.person) for fan in self.fans] if self.flips else []
        who, whom = self.chance.choice([*pairs, *((self.person, other) for other in self.others)])
        link: Link = (number_of(who.user_id), number_of(whom.user_id))
        mutation = "unfollow" if self.ledger.follows.get(link) else "follow"
        self.insist(who, mutation, "profile { id }", userId=whom.user_id)
        self.ledger.linked(self.ledger.follows, link, mutation == "follow")

    def insist(self, who: Person, mutation: str, selection: str, **fields: Any) -> dict[str, Any]:
        """The acknowledgement, however often it takes; Refused when the platform has decided against it."""
        key, deadline = f"{mutation}-{secrets.token_hex(8)}", time.monotonic() + PATIENCE_S
        if self.chance.random() < self.hangs_up:
            send_and_hang_up(who, mutation, selection, {**fields, "idempotencyKey": key}, self.chance.random() * 0.02)
        while True:
            self.attempts += 1
            try:
                return who.does(mutation, selection, key=key, **fields)
            except GraphQLError as error:
                codes = set(error.codes)
                if codes & REFUSALS:
                    raise Refused from error
                if codes - LATER:
                    self.unclear[f"{mutation}: {sorted(codes)}"] += 1
            except (OSError, ValueError) as error:
                self.unclear[f"{mutation}: {type(error).__name__}"] += 1
            assert time.monotonic() < deadline, f"{mutation} was never acknowledged"
            time.sleep(0.1)


def send_and_hang_up(who: Person, mutation: str, selection: str, fields: dict[str, Any], patience_s: float) -> None:
    """Ask and be gone before the answer, as a telephone in a tunnel."""
    url = urlsplit(who.platform.endpoints["GATEWAY_URL"])
    body = json.dumps({"query": who.mutation(mutation, selection), "variables": {"input": fields}}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {who.token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((url.hostname or "", url.port or 80), timeout=5) as connection:
        connection.sendall(head.encode() + body)
        time.sleep(patience_s)
