"""Histories of a small platform, and how its events reach a table."""

from __future__ import annotations

from hypothesis import strategies as st

from daira_native import FeatureTable, RankSettings
from tests.oracles import feed as oracle
from tests.unit.native.candidates import NOW_MS
from tests.unit.native.rows import PostRow, count, f64, i64, interact, post_id, relate, u8, upsert

PEOPLE = (1, 2, 3, 4, 5)
DAY_MS = 86_400_000
BLOCKS, BLOCKED_BY, MUTES = 1, 2, 4
REPOST_KIND = 9
WEIGHTS = {"like": 1.0, "repost": 2.0, "opening": 0.25}

POSTS = [post_id(NOW_MS - age * DAY_MS // 7, age) for age in range(12)]
ORIGINALS = [oracle.PostCreated(made, PEOPLE[at % 4], at % 3, spam=[0, 0, 40][at % 3]) for at, made in enumerate(POSTS)]
# Reposts of several people of few posts; the last is older than its post, as when clocks disagree.
REPOSTS = [
    oracle.PostCreated(
        post_id(NOW_MS - at * DAY_MS // 9, 100 + at), PEOPLE[at * 3 % 5], REPOST_KIND, original_id=POSTS[3 + at % 5]
    )
    for at in range(12)
] + [oracle.PostCreated(post_id(NOW_MS - 2 * DAY_MS, 200), 5, REPOST_KIND, original_id=POSTS[2])]
CREATED = [*ORIGINALS, *REPOSTS]
IDS = sorted(made.post_id for made in CREATED)

person = st.sampled_from(PEOPLE)
post = st.sampled_from(POSTS)
moment = st.integers(NOW_MS - 60 * DAY_MS, NOW_MS)
event = st.one_of(
    st.builds(oracle.PostDeleted, st.sampled_from(IDS)),
    *[st.builds(oracle.PostLiked, post, person, moment)] * 2,
    st.builds(oracle.PostUnliked, post, person),
    *[st.builds(oracle.PostReported, st.sampled_from(IDS), person, st.integers(1, 100))] * 2,
    *[st.builds(oracle.PostSeen, post, person, moment, st.booleans(), st.booleans())] * 2,
    st.builds(oracle.BlockChanged, person, person, st.booleans()),
    st.builds(oracle.MuteChanged, person, person, st.booleans()),
    *[st.builds(oracle.PrivacyChanged, person, st.booleans())] * 2,
    st.builds(oracle.UserFollowed, person, person),
    st.builds(oracle.UserUnfollowed, person, person),
)


def ordered(history: list[oracle.Event]) -> list[oracle.Event]:
    """A history in which nobody likes or passes on a post that does not exist yet."""

    def stage(event: oracle.Event) -> int:
        return int(event.original_id != 0) if isinstance(event, oracle.PostCreated) else 2

    return sorted(history, key=stage)


@st.composite
def histories(draw: st.DrawFn) -> list[oracle.Event]:
    """Posts and reposts, some of which the table never hears of, and what people do with them."""
    unheard_of = draw(st.sets(st.sampled_from(CREATED), max_size=5))
    created = [made for made in CREATED if made not in unheard_of]
    known = {made.post_id for made in created}
    whole = [made for made in created if not made.original_id or made.original_id in known]
    acts = draw(st.lists(event, max_size=8)) + draw(st.lists(event, min_size=draw(st.sampled_from([0, 10, 40]))))
    return ordered([*whole, *(act for act in acts if not _is_of_unknown(act, known))])


def _is_of_unknown(act: oracle.Event, known: set[int]) -> bool:
    """A deletion may come first; nobody does anything else with a post that does not exist."""
    match act:
        case oracle.PostLiked() | oracle.PostUnliked() | oracle.PostReported() | oracle.PostSeen():
            return act.post_id not in known
        case _:
            return False


def replayed(history: list[oracle.Event]) -> tuple[FeatureTable, oracle.State]:
    """A table and the oracle's state after the same events."""
    table, state = FeatureTable(RankSettings()), oracle.State()
    for happened in history:
        project(table, state, happened)
        oracle.replay([happened], state)
    return table, state


def project(table: FeatureTable, state: oracle.State, event: oracle.Event) -> None:
    """Apply an event as the projector does: it learns from the rows whether anything changes."""
    match event:
        case oracle.PostCreated() if event.post_id not in state.posts:
            row = PostRow(event.post_id, event.author_id, event.kind, spam=event.spam, original_id=event.original_id)
            upsert(table, [row])
            _reposted(table, state, event, 1)
        case oracle.PostDeleted() if event.post_id not in state.deleted:
            table.delete_posts(i64([event.post_id]))
            if event.post_id in state.posts:
                _reposted(table, state, state.posts[event.post_id], -1)
        case oracle.PostLiked() if (event.post_id, event.user_id) not in state.likes:
            _liked(table, state, event, event.at_ms, 1)
        case oracle.PostUnliked() if (event.post_id, event.user_id) in state.likes:
            _liked(table, state, event, state.likes[event.post_id, event.user_id], -1)
        case oracle.PostReported() if (event.post_id, event.user_id) not in state.reports:
            count(table, event.post_id, report_trust=event.trust)
            table.add_viewer_reports(i64([event.user_id]), i64([event.post_id]))
        case oracle.PostSeen():
            count(table, event.post_id, impressions=event.seen, opens=event.opened)
            if event.opened:
                author_id = state.posts[event.post_id].author_id
                interact(table, event.user_id, author_id, event.at_ms, WEIGHTS["opening"])
        case oracle.BlockChanged():
            relate(table, event.blocker_id, event.blocked_id, BLOCKS * event.on, BLOCKS)
            relate(table, event.blocked_id, event.blocker_id, BLOCKED_BY * event.on, BLOCKED_BY)
        case oracle.MuteChanged():
            relate(table, event.muter_id, event.muted_id, MUTES * event.on, MUTES)
        case oracle.PrivacyChanged():
            table.set_private(i64([event.user_id]), u8([event.on]))
        case _:
            pass


def _reposted(table: FeatureTable, state: oracle.State, repost: oracle.PostCreated, change: int) -> None:
    if repost.original_id:
        count(table, repost.original_id, reposts=change)
        author_id = state.posts[repost.original_id].author_id
        at_ms = oracle.created_ms(repost.post_id)
        interact(table, repost.author_id, author_id, at_ms, change * WEIGHTS["repost"])


def _liked(
    table: FeatureTable, state: oracle.State, event: oracle.PostLiked | oracle.PostUnliked, at_ms: int, change: int
) -> None:
    count(table, event.post_id, likes=change)
    author_id = state.posts[event.post_id].author_id
    interact(table, event.user_id, author_id, at_ms, change * WEIGHTS["like"])


def refilled(state: oracle.State) -> FeatureTable:
    """A table filled from rows at once, as a replica is at its start."""
    table, rules, counts = FeatureTable(RankSettings()), oracle.Settings(), oracle.tally(state)
    rows = [
        PostRow(
            made.post_id,
            made.author_id,
            made.kind,
            counts.likes[made.post_id],
            counts.reposts[made.post_id],
            counts.opens[made.post_id],
            counts.impressions[made.post_id],
            counts.report_trust[made.post_id],
            made.spam,
            made.original_id,
        )
        for made in state.posts.values()
    ]
    upsert(table, rows)
    table.delete_posts(i64(state.deleted))
    table.set_private(i64(state.private), u8([1] * len(state.private)))
    for viewer, other in {*state.blocks, *((blocked, blocker) for blocker, blocked in state.blocks), *state.mutes}:
        pair, reverse = (viewer, other), (other, viewer)
        blocked = BLOCKS * (pair in state.blocks) | BLOCKED_BY * (reverse in state.blocks)
        relate(table, viewer, other, blocked | MUTES * (pair in state.mutes), BLOCKS | BLOCKED_BY | MUTES)
    for reported, viewer in state.reports:
        table.add_viewer_reports(i64([viewer]), i64([reported]))
    for viewer in PEOPLE:
        for author in PEOPLE:
            weight, as_of_ms = oracle.affinity_weight(counts, viewer, author, rules)
            table.set_affinities(i64([viewer]), i64([author]), f64([weight]), i64([as_of_ms]))
    return table
