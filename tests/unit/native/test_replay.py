"""A table fed by events serves the feed that the oracle computes from the same events."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from daira_native import FeatureTable, RankSettings
from tests.oracles import feed as oracle
from tests.unit.native.candidates import NOW_MS
from tests.unit.native.rows import decimal, f64, i8, i32, i64, post_id, u8, u32, unpack_ids

PEOPLE = (1, 2, 3, 4)
DAY_MS = 86_400_000
POSTS = [post_id(NOW_MS - age * DAY_MS // 7, age) for age in range(12)]
AUTHORS = {made: PEOPLE[at % 3] for at, made in enumerate(POSTS)}

person = st.sampled_from(PEOPLE)
post = st.sampled_from(POSTS)
moment = st.integers(NOW_MS - 60 * DAY_MS, NOW_MS)
event = st.one_of(
    st.builds(oracle.UserFollowed, person, person),
    st.builds(oracle.UserFollowed, person, person),
    st.builds(oracle.UserUnfollowed, person, person),
    st.builds(oracle.PostDeleted, post),
    st.builds(oracle.PostLiked, post, person, moment),
    st.builds(oracle.PostLiked, post, person, moment),
    st.builds(oracle.PostUnliked, post, person),
    st.builds(oracle.PostReported, post, person),
)
created = [oracle.PostCreated(made, AUTHORS[made], at % 4) for at, made in enumerate(POSTS)]
histories = st.lists(event, max_size=60).flatmap(lambda events: st.permutations([*created, *events]))


def project(table: FeatureTable, state: oracle.State, event: oracle.Event) -> None:
    """Apply an event as the projector does: it learns from the rows whether anything changed."""
    match event:
        case oracle.PostCreated():
            columns = i64([event.post_id]), i64([event.author_id]), u8([event.kind])
            table.upsert_posts(*columns, u32([0]), u32([0]))
        case oracle.PostDeleted():
            table.delete_posts(i64([event.post_id]))
        case oracle.PostLiked() if (event.post_id, event.user_id) not in state.likes:
            table.add_likes(i64([event.user_id]), i64([event.post_id]), i64([event.at_ms]), i8([1]))
        case oracle.PostUnliked() if (event.post_id, event.user_id) in state.likes:
            liked_ms = state.likes[event.post_id, event.user_id]
            table.add_likes(i64([event.user_id]), i64([event.post_id]), i64([liked_ms]), i8([-1]))
        case oracle.PostReported() if (event.post_id, event.user_id) not in state.reports:
            table.add_reports(i64([event.post_id]), i8([1]))
        case oracle.UserFollowed() if (event.follower_id, event.followee_id) not in state.follows:
            table.add_followers(i64([event.followee_id]), i32([1]))
        case oracle.UserUnfollowed() if (event.follower_id, event.followee_id) in state.follows:
            table.add_followers(i64([event.followee_id]), i32([-1]))
        case _:
            pass
    oracle.replay([event], state)


def refilled(state: oracle.State) -> FeatureTable:
    """A table filled from rows at once, as a replica is at its start."""
    table = FeatureTable(RankSettings())
    rules = oracle.Settings()
    for made in state.posts.values():
        row = oracle.candidate(oracle.tally(state), 0, made, rules)
        columns = i64([row.post_id]), i64([row.author_id]), u8([row.kind])
        table.upsert_posts(*columns, u32([row.likes]), u32([row.reports]))
        table.set_followers(i64([row.author_id]), u32([row.followers]))
    table.delete_posts(i64(state.deleted))
    for viewer in PEOPLE:
        for author in PEOPLE:
            weight, as_of_ms = oracle.affinity_weight(oracle.tally(state), viewer, author, rules)
            table.set_affinities(i64([viewer]), i64([author]), f64([weight]), i64([as_of_ms]))
            followers = sum(1 for _, followee in state.follows if followee == author)
            table.set_followers(i64([author]), u32([followers]))
    return table


def ordered(history: list[oracle.Event]) -> list[oracle.Event]:
    """A history in which nobody likes or reports a post that does not exist yet."""
    return sorted(history, key=lambda event: not isinstance(event, oracle.PostCreated))


@given(history=histories, cap=st.integers(1, 14))
@settings(max_examples=80, deadline=None)
def test_feeds_are_those_of_the_oracle(history: list[oracle.Event], cap: int) -> None:
    table, state = FeatureTable(RankSettings()), oracle.State()
    for happened in ordered(history):
        project(table, state, happened)
    for viewer in PEOPLE:
        followees = sorted({followee for follower, followee in state.follows if follower == viewer} - {viewer})
        # One followee's posts lie in the inbox, those of the others are merged at read.
        inbox = [made for made in POSTS if followees and AUTHORS[made] == followees[0]]
        authors = [*followees[1:], viewer]
        ranked = table.rank(
            viewer, decimal(inbox), authors, NOW_MS, ceiling_id=oracle.MAX_ID, candidate_cap=cap, limit=cap
        )
        feed = oracle.home_feed(state, viewer, NOW_MS, "ranked", cap)
        assert unpack_ids(ranked.ids) == feed[:cap]
        latest = oracle.home_feed(state, viewer, NOW_MS, "latest")
        assert table.latest(viewer, decimal(inbox), authors, before_id=oracle.MAX_ID, limit=50) == latest
        if ranked.floor_id:
            older = table.latest(viewer, decimal(inbox), authors, before_id=ranked.floor_id, limit=50)
            assert unpack_ids(ranked.ids) + older == feed
        else:
            assert unpack_ids(ranked.ids) == feed


@given(history=histories)
@settings(max_examples=60, deadline=None)
def test_the_checksum_is_that_of_a_refilled_table(history: list[oracle.Event]) -> None:
    table, state = FeatureTable(RankSettings()), oracle.State()
    for happened in ordered(history):
        project(table, state, happened)
    other = refilled(state)
    assert table.checksum() == other.checksum()
    other.add_followers(i64([1]), i32([1]))
    assert table.checksum() != other.checksum()
