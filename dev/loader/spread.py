"""Makes a community of a graph and texts: directions, authors and times drawn from one seed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

from dev.loader.community import Calendar, Community, Follow, IdMaker, Like, NewPost, Person
from dev.loader.edges import Graph
from services.chassis.ids import timestamp_ms

# How fast activity falls with the rank by degree; 1 would give the first author a tenth of all posts.
ZIPF_EXPONENT = 0.8
LIKED_WITHIN_MS = 36 * 3_600_000
HANDLE_STEM = 12
# A mobile prefix that the demo community does not use; each batch has numbers of its own by its name.
PHONE_PREFIX = "+2015"
PHONES = 10**8


def spread(
    graph: Graph,
    bodies: Sequence[str],
    calendar: Calendar,
    *,
    label: str,
    batch: str,
    seed: int,
    posts_count: int,
    likes_per_post: float,
    both_ways: bool,
) -> Community:
    """The community of a graph; the same arguments give the same one.

    `label` and `batch` (hexadecimal) make its handles and phones unique among other communities.
    """
    ids = IdMaker()
    people = _people(graph.names, calendar, ids, label=label, batch=batch, seed=seed)
    follows = _follows(graph, people, calendar, seed=seed, both_ways=both_ways)
    posts = _posts(graph, people, bodies, calendar, ids, seed=seed, count=posts_count)
    likes = _likes(follows, posts, calendar, seed=seed, per_post=likes_per_post)
    return Community(people=people, follows=follows, posts=posts, likes=likes)


def _people(
    names: Sequence[str], calendar: Calendar, ids: IdMaker, *, label: str, batch: str, seed: int
) -> list[Person]:
    drawn = random.Random(f"{seed}:people")
    moments = sorted(drawn.randrange(calendar.accounts_from_ms, calendar.follows_from_ms) for _ in names)
    first_phone = int(batch, 16) % PHONES
    stem = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in label.lower())[:HANDLE_STEM]
    people: list[Person] = []
    for index, (name, ms) in enumerate(zip(names, moments, strict=True)):
        handle = f"{stem}_{batch[:4]}_{index}"
        people.append(
            Person(
                user_id=ids.user_id(ms),
                phone=f"{PHONE_PREFIX}{(first_phone + index) % PHONES:08d}",
                handle=handle,
                display_name=f"{label} {name}"[:50],
                bio="",
                created_ms=ms,
            )
        )
    return people


def _follows(graph: Graph, people: Sequence[Person], calendar: Calendar, *, seed: int, both_ways: bool) -> list[Follow]:
    drawn = random.Random(f"{seed}:follows")
    follows: list[Follow] = []
    for left, right in graph.edges:
        pairs = [(left, right), (right, left)]
        if not both_ways:
            pairs = [pairs[drawn.random() < 0.5]]
        for follower, followee in pairs:
            at_ms = drawn.randrange(calendar.follows_from_ms, calendar.posts_from_ms)
            follows.append(Follow(people[follower].user_id, people[followee].user_id, at_ms))
    follows.sort(key=lambda follow: (follow.at_ms, follow))
    return follows


def _posts(
    graph: Graph,
    people: Sequence[Person],
    bodies: Sequence[str],
    calendar: Calendar,
    ids: IdMaker,
    *,
    seed: int,
    count: int,
) -> list[NewPost]:
    if not bodies or count == 0:
        return []
    drawn = random.Random(f"{seed}:posts")
    degree = [0] * len(people)
    for left, right in graph.edges:
        degree[left] += 1
        degree[right] += 1
    by_degree = sorted(range(len(people)), key=lambda index: (-degree[index], index))
    weights = list(accumulate((rank + 1) ** -ZIPF_EXPONENT for rank in range(len(people))))
    authors = drawn.choices(by_degree, cum_weights=weights, k=count)
    moments = sorted(drawn.randrange(calendar.posts_from_ms, calendar.now_ms) for _ in range(count))
    order = list(bodies)
    drawn.shuffle(order)
    posts: list[NewPost] = []
    for index, (author, ms) in enumerate(zip(authors, moments, strict=True)):
        author_id = people[author].user_id
        posts.append(NewPost(ids.post_id(ms, author_id), author_id, order[index % len(order)]))
    return posts


def _likes(
    follows: Sequence[Follow], posts: Sequence[NewPost], calendar: Calendar, *, seed: int, per_post: float
) -> list[Like]:
    """Likes by followers of the author, a few for most posts and many for some, soon after the post."""
    drawn = random.Random(f"{seed}:likes")
    followers: defaultdict[int, list[int]] = defaultdict(list)
    for follow in follows:
        followers[follow.followee_id].append(follow.follower_id)
    likes: list[Like] = []
    for post in posts:
        readers = followers.get(post.author_id)
        if not readers or per_post <= 0:
            continue
        wanted = min(int(drawn.expovariate(1 / per_post) + 0.5), len(readers))
        posted_ms = timestamp_ms(post.post_id)
        latest_ms = min(posted_ms + LIKED_WITHIN_MS, calendar.now_ms)
        for reader in drawn.sample(readers, wanted):
            at_ms = drawn.randrange(posted_ms, latest_ms + 1)
            likes.append(Like(reader, post.post_id, post.author_id, at_ms))
    likes.sort(key=lambda like: (like.at_ms, like))
    return likes
