"""Answers written as bytes are the answers that protobuf would write."""

from __future__ import annotations

import pytest

from daira.social.v1 import feed_service_pb2 as pb
from daira.social.v1 import post_pb2, profile_pb2
from services.social.adapters.post_codec import varint, view_of_post
from services.social.application.feed.ports import Source, Stage, Terms
from services.social.application.feed.position import Item, Mode, Page
from services.social.rpc.feed_answers import author_timeline_answer, home_feed_answer

POST = post_pb2.Post(
    post_id=2**62, author=profile_pb2.Profile(user_id=7, handle="sara"), body="أهلا " * 60, kind=post_pb2.POST_KIND_TEXT
)
REPOSTER = profile_pb2.Profile(user_id=9, handle="omar", display_name="عمر")


@pytest.mark.parametrize("number", [0, 1, 127, 128, 16_383, 16_384, 2**31, 2**63 - 1])
def test_varints_are_protobufs(number: int) -> None:
    written = post_pb2.Post(post_id=number).SerializeToString()
    assert written == (b"\x08" + varint(number) if number else b"")


@pytest.mark.parametrize("likes", [0, 1, 300, 2**40])
@pytest.mark.parametrize("reposts", [0, 200])
@pytest.mark.parametrize("viewer", [(True, False), (False, True), (True, True), (False, False)])
def test_counts_and_marks_merge_into_the_cached_part(likes: int, reposts: int, viewer: tuple[bool, bool]) -> None:
    whole = post_pb2.Post.FromString(POST.SerializeToString() + view_of_post(likes, reposts, *viewer))
    expected = post_pb2.Post(
        likes_count=likes, reposts_count=reposts, viewer_likes=viewer[0], viewer_reposted=viewer[1]
    )
    expected.MergeFrom(POST)
    assert whole == expected


def test_a_home_feed_reads_back() -> None:
    terms = Terms(0.5, 0.25, 1.0, 0.0, 1e-9, 0.3)
    items = [
        Item(POST.post_id, POST.SerializeToString(), Source.INBOX, terms),
        Item(
            POST.post_id, POST.SerializeToString(), Source.AUTHOR, terms,
            seen_before=True, repost_id=2**62 + 1, reposted_by=REPOSTER.SerializeToString(),
        ),
        Item(POST.post_id, POST.SerializeToString(), Source.ARCHIVE),
    ]  # fmt: skip
    missing = {Stage.VIEWER_STATE, Stage.SEEN}
    page = Page(ranked_at_ms=1_795_000_000_123, items=items, missing=missing, ranked_down_to=2**60)
    answer = pb.GetHomeFeedResponse.FromString(home_feed_answer(page, Mode.RANKED, "token"))
    assert [item.post for item in answer.items] == [POST, POST, POST]
    assert [item.source for item in answer.items] == [
        pb.FEED_SOURCE_INBOX, pb.FEED_SOURCE_AUTHOR, pb.FEED_SOURCE_ARCHIVE
    ]  # fmt: skip
    repost = answer.items[1]
    assert (repost.repost_id, repost.reposted_by, repost.seen_before) == (2**62 + 1, REPOSTER, True)
    assert not answer.items[0].HasField("reposted_by")
    assert not answer.items[0].seen_before
    why = answer.items[0].ranking
    assert (why.affinity, why.quality, why.freshness, why.diversity, why.negative, why.score) == tuple(terms)
    assert not answer.items[2].HasField("ranking")
    assert list(answer.degraded_stages) == [pb.FEED_STAGE_SEEN, pb.FEED_STAGE_VIEWER_STATE]
    assert answer.ranked_down_to == 2**60
    weights = answer.weights
    assert (weights.affinity, weights.quality, weights.freshness) == (0.35, 0.35, 0.15)
    assert (weights.diversity, weights.negative) == (0.10, -0.40)
    assert (answer.next_page_token, answer.degraded) == ("token", True)
    assert answer.ranked_at.ToMilliseconds() == 1_795_000_000_123


def test_an_empty_feed_and_a_timeline_read_back() -> None:
    answer = pb.GetHomeFeedResponse.FromString(home_feed_answer(Page(ranked_at_ms=0), Mode.LATEST, ""))
    assert (len(answer.items), answer.next_page_token, answer.degraded) == (0, "", False)
    assert not answer.HasField("weights")
    timeline = pb.GetAuthorTimelineResponse.FromString(
        author_timeline_answer([POST.SerializeToString()], "t", degraded=False)
    )
    assert list(timeline.posts) == [POST]
    assert (timeline.next_page_token, timeline.degraded) == ("t", False)
