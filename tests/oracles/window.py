"""Which posts a feed is made of: hard filters, duplicates and the hot window, in the plainest Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tests.oracles.events import PostCreated, State
from tests.oracles.ranking import MAX_ID


@dataclass(frozen=True)
class Window:
    """The newest candidates of a feed, newest first, no two of them showing the same post."""

    posts: list[PostCreated]
    floor: int  # the archive goes on below this id; 0 when there is nothing below it
    dropped: Counter[str]


def refusal(state: State, viewer_id: int, post_id: int) -> str | None:
    """Why the viewer must not see a candidate; None when they may."""
    found = _refusal_of(state, viewer_id, post_id)
    post = state.posts.get(post_id)
    if found or post is None or not post.original_id:
        return found
    original = state.posts.get(post.original_id)
    if original and original.author_id in state.private and original.author_id != viewer_id:
        return "private"
    return _refusal_of(state, viewer_id, post.original_id)


def _refusal_of(state: State, viewer_id: int, post_id: int) -> str | None:
    if post_id in state.deleted:
        return "deleted"
    if post_id not in state.posts:
        return "unknown"
    if is_hidden(state, viewer_id, state.posts[post_id].author_id):
        return "hidden"
    if (post_id, viewer_id) in state.reports:
        return "reported"
    return None


def is_hidden(state: State, viewer_id: int, author_id: int) -> bool:
    """Whether the viewer's feed has nothing of the author."""
    pair, reverse = (viewer_id, author_id), (author_id, viewer_id)
    return pair in state.blocks or reverse in state.blocks or pair in state.mutes


def sources(state: State, inbox: Sequence[int], authors: Sequence[int]) -> list[Collection[int]]:
    """The ids of an inbox, and those of the posts of each author that are not deleted."""
    of_authors = [
        [
            post.post_id
            for post in state.posts.values()
            if post.author_id == author_id and post.post_id not in state.deleted
        ]
        for author_id in authors
    ]
    return [list(inbox), *of_authors]


def window(
    state: State,
    viewer_id: int,
    runs: Sequence[Collection[int]],
    *,
    floor_id: int = 0,
    ceiling_id: int = MAX_ID,
    cap: int = 800,
) -> Window:
    """The newest candidates of the runs from floor to ceiling, down to the `cap`-th different post."""
    entries = [post_id for run in runs for post_id in run if floor_id <= post_id <= ceiling_id]
    dropped: Counter[str] = Counter()
    kept: list[PostCreated] = []
    floor = floor_id
    for post_id in sorted(set(entries), reverse=True):
        reason = refusal(state, viewer_id, post_id)
        if reason:
            dropped[reason] += 1
            continue
        post = state.posts[post_id]
        shown = {other.shown_id for other in kept}
        if post.shown_id not in shown and len(shown) == cap:
            floor = kept[-1].post_id
            dropped["capped"] = sum(1 for entry in entries if entry <= post_id)
            break
        kept.append(post)
    posts = without_duplicates(kept)
    dropped["duplicate"] = len(kept) - len(posts)
    return Window(posts, floor, +dropped)


def without_duplicates(posts: Sequence[PostCreated]) -> list[PostCreated]:
    """Of those that show the same post: the post itself, else the repost with the least id."""
    best: dict[int, PostCreated] = {}
    for post in posts:
        before = best.setdefault(post.shown_id, post)
        best[post.shown_id] = min(before, post, key=lambda one: (one.original_id != 0, one.post_id))
    return [post for post in posts if best[post.shown_id] is post]


def count_newer(
    state: State, viewer_id: int, runs: Sequence[Collection[int]], *, newer_than: int, limit: int = 100
) -> int:
    """How many posts newer than an id a feed would have, those that the viewer made not counted."""
    newer = {post_id for run in runs for post_id in run if post_id > newer_than}
    visible = [state.posts[post_id] for post_id in newer if not refusal(state, viewer_id, post_id)]
    return min(limit, len({post.shown_id for post in visible if post.author_id != viewer_id}))
