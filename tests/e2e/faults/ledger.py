"""What the platform has acknowledged, and what must therefore be true of its event log whatever happened meanwhile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from tests.oracles import feed as oracle

Link = tuple[int, int]


@dataclass
class Published:
    """A post whose creation was acknowledged. `deletion` is a monotonic time once it was acknowledged too."""

    author_id: int
    body: str
    deletion: float | Literal["asked"] | None = None


@dataclass
class Ledger:
    """Filled by the writers' threads. A link is (post, person), and for follows (follower, followee)."""

    posts: dict[int, Published] = field(default_factory=dict)
    likes: dict[Link, bool | None] = field(default_factory=dict)  # None: nobody was told whether it stands
    reports: dict[Link, bool | None] = field(default_factory=dict)
    follows: dict[Link, bool | None] = field(default_factory=dict)
    uncommitted: set[str] = field(default_factory=set)  # texts that nobody may see, now or ever
    acknowledged: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def posted(self, post_id: int, author_id: int, body: str) -> None:
        """A creation was acknowledged."""
        with self._lock:
            assert post_id not in self.posts, "two posts were acknowledged under one id"
            self.posts[post_id] = Published(author_id, body)
            self.acknowledged += 1

    def deleting(self, post_id: int) -> None:
        """A deletion is asked for: from now on the post may be gone."""
        with self._lock:
            self.posts[post_id].deletion = "asked"

    def deleted(self, post_id: int) -> None:
        """A deletion was acknowledged: from now on nobody may see the post."""
        with self._lock:
            self.posts[post_id].deletion = time.monotonic()
            self.acknowledged += 1

    def linked(self, links: dict[Link, bool | None], link: Link, stands: bool | None) -> None:  # noqa: FBT001
        """A like or follow was given or taken back, or refused with nobody knowing what stands."""
        with self._lock:
            links[link] = stands
            self.acknowledged += stands is not None

    def living(self, author_id: int | None = None) -> list[int]:
        """Posts, of an author or of all, whose deletion nobody has asked for; oldest first."""
        with self._lock:
            return [
                post_id
                for post_id, post in self.posts.items()
                if post.deletion is None and author_id in (None, post.author_id)
            ]

    def is_gone(self, post_id: int, since: float) -> bool:
        """Whether the deletion of the post was acknowledged before a monotonic time."""
        with self._lock:
            post = self.posts.get(post_id)
            return post is not None and isinstance(post.deletion, float) and post.deletion < since

    def wrongs(self, state: oracle.State) -> list[str]:
        """What was acknowledged and is not so, and what nobody asked for, in words; call when the writers rest."""
        told = [f"post {post_id} is lost" for post_id in self.posts.keys() - state.posts.keys()]
        written = Counter(post.author_id for post in self.posts.values())
        made = Counter(post.author_id for post in state.posts.values() if post.author_id in written)
        told += [
            f"author {author} has posts that nobody was told of" for author in made if made[author] > written[author]
        ]
        for post_id, post in self.posts.items():
            if post.deletion is None and post_id in state.deleted:
                told.append(f"post {post_id} was deleted by nobody")
            if isinstance(post.deletion, float) and post_id not in state.deleted:
                told.append(f"the deletion of post {post_id} is lost")
        for name, links, there in (
            ("like", self.likes, state.likes),
            ("report", self.reports, state.reports),
            ("follow", self.follows, state.follows),
        ):
            told += [
                f"{name} {link} should be {'there' if stands else 'gone'}"
                for link, stands in links.items()
                if stands is not None and (link in there) != stands
            ]
        return told
