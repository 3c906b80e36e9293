"""What the people of the demo pass on, and what they see and open of what they follow."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from dev.loader.community import DAY_MS, Calendar, Feedback, Follow, IdMaker, Like, NewPost, Repost
from services.chassis.ids import timestamp_ms

# Most posts are passed on by nobody, and a few by many.
REPOSTED_SHARE = 0.15
REPOST_CHANCE_MAX = 0.2
SEEN_SHARE = 0.35
OPENED_SHARE = 0.12
# Whoever likes a post has seen it, and has often opened it.
LIKED_OPENED_SHARE = 0.5
BATCH_MAX = 100


def draw_reposts(
    follows: Sequence[Follow], posts: Sequence[NewPost], calendar: Calendar, ids: IdMaker, seed: int
) -> list[Repost]:
    """Some posts passed on by followers of their authors within a day, in order of time."""
    drawn = random.Random(f"{seed}:reposts")
    readers = _readers(follows)
    moments: list[tuple[int, int, NewPost]] = []
    for post in posts:
        chance = drawn.random() * REPOST_CHANCE_MAX if drawn.random() < REPOSTED_SHARE else 0.0
        reposters = [reader for reader in readers[post.author_id] if drawn.random() < chance]
        moments += [(_within_a_day(drawn, post, calendar), reader, post) for reader in reposters]
    return [
        Repost(ids.post_id(at_ms, reader), reader, post.post_id, post.author_id)
        for at_ms, reader, post in sorted(moments)
    ]


def draw_feedback(
    follows: Sequence[Follow], posts: Sequence[NewPost], likes: Sequence[Like], calendar: Calendar, seed: int
) -> list[Feedback]:
    """What each person saw in a day, told at its end, in order of time; each post once a person."""
    drawn = random.Random(f"{seed}:feedback")
    readers = _readers(follows)
    liked = {(like.user_id, like.post_id): like.at_ms for like in likes}
    days: defaultdict[tuple[int, int], list[tuple[int, int, int, bool]]] = defaultdict(list)
    for post in posts:
        for reader in readers[post.author_id]:
            is_seen, is_opened = drawn.random() < SEEN_SHARE, drawn.random() < OPENED_SHARE
            at_ms = _within_a_day(drawn, post, calendar)
            if (reader, post.post_id) in liked:
                is_seen, is_opened = True, drawn.random() < LIKED_OPENED_SHARE
                at_ms = min(at_ms, liked[reader, post.post_id])
            if is_seen:
                days[reader, at_ms // DAY_MS].append((at_ms, post.post_id, post.author_id, is_opened))
    batches = []
    for (reader, _), seen in days.items():
        for start in range(0, len(seen), BATCH_MAX):
            part = seen[start : start + BATCH_MAX]
            last_ms = max(sight[0] for sight in part)
            batches.append(Feedback(reader, last_ms, tuple(sight[1:] for sight in part)))
    return sorted(batches, key=lambda batch: (batch.at_ms, batch))


def _readers(follows: Sequence[Follow]) -> defaultdict[int, list[int]]:
    readers: defaultdict[int, list[int]] = defaultdict(list)
    for follow in follows:
        readers[follow.followee_id].append(follow.follower_id)
    return readers


def _within_a_day(drawn: random.Random, post: NewPost, calendar: Calendar) -> int:
    posted_ms = timestamp_ms(post.post_id)
    return drawn.randrange(posted_ms + 1, max(posted_ms + 2, min(posted_ms + DAY_MS, calendar.now_ms)))
