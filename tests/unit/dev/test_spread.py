"""A community drawn from a graph: the same for a seed, in order of time, and consistent with itself."""

from __future__ import annotations

from collections import Counter

from dev.loader.community import DAY_MS, Calendar, Community
from dev.loader.edges import Graph
from dev.loader.spread import spread
from services.chassis.ids import shard_of, timestamp_ms

NOW_MS = 1_800_000_000_000
GRAPH = Graph(
    names=[str(number) for number in range(50)],
    edges=[(left, right) for left in range(50) for right in range(left) if (left * right) % 3 == 0],
    repeated=0,
    broken=0,
)


def drawn(seed: int = 7, *, both_ways: bool = False) -> Community:
    return spread(
        GRAPH,
        [f"text {number}" for number in range(10)],
        Calendar(now_ms=NOW_MS, days=30),
        label="Tiny Graph",
        batch="abcdef",
        seed=seed,
        posts_count=2_000,
        likes_per_post=2.0,
        both_ways=both_ways,
    )


def test_the_same_seed_gives_the_same_community_and_another_does_not() -> None:
    assert drawn() == drawn()
    assert drawn().follows != drawn(seed=8).follows


def test_each_edge_becomes_one_follow_or_two() -> None:
    one_way = {frozenset((follow.follower_id, follow.followee_id)) for follow in drawn().follows}
    assert len(one_way) == len(drawn().follows) == len(GRAPH.edges)
    assert len(drawn(both_ways=True).follows) == 2 * len(GRAPH.edges)


def test_times_are_in_order_and_in_their_months() -> None:
    community = drawn()
    moments = [timestamp_ms(post.post_id) for post in community.posts]
    assert moments == sorted(moments)
    assert moments[0] >= NOW_MS - 30 * DAY_MS
    assert moments[-1] <= NOW_MS
    assert [follow.at_ms for follow in community.follows] == sorted(follow.at_ms for follow in community.follows)
    assert max(person.created_ms for person in community.people) <= community.follows[0].at_ms
    assert community.follows[-1].at_ms <= moments[0]
    assert all(timestamp_ms(person.user_id) == person.created_ms for person in community.people)


def test_ids_are_unique_and_posts_live_on_their_authors_shard() -> None:
    community = drawn()
    assert len({person.user_id for person in community.people}) == 50
    assert len({person.handle for person in community.people}) == 50
    assert len({post.post_id for post in community.posts}) == 2_000
    assert all(shard_of(post.post_id) == shard_of(post.author_id) for post in community.posts)


def test_likes_come_from_followers_after_the_post_and_once() -> None:
    community = drawn()
    follows = {(follow.follower_id, follow.followee_id) for follow in community.follows}
    assert community.likes
    assert len({(like.user_id, like.post_id) for like in community.likes}) == len(community.likes)
    for like in community.likes:
        assert (like.user_id, like.author_id) in follows
        assert timestamp_ms(like.post_id) <= like.at_ms <= NOW_MS


def test_posts_are_skewed_towards_the_well_connected() -> None:
    community = drawn()
    counts = Counter(post.author_id for post in community.posts)
    busiest = counts.most_common(5)
    assert sum(count for _, count in busiest) > 2_000 * 0.3
