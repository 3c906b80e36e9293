"""Answers written as bytes are the answers that protobuf would write."""

from __future__ import annotations

import pytest

from daira.social.v1 import feed_service_pb2 as pb
from daira.social.v1 import post_pb2, profile_pb2
from services.social.adapters.post_codec import varint, view_of_post
from services.social.application.feed.ports import Source, Terms
from services.social.application.feed.position import Item, Page
from services.social.rpc.feed_answers import author_timeline_answer, home_feed_answer

POST = post_pb2.Post(
    post_id=2**62, author=profile_pb2.Profile(user_id=7, handle="sara"), body="أهلا " * 60, kind=post_pb2.POST_KIND_TEXT
)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 16_383, 16_384, 2**31, 2**63 - 1])
def test_varints_are_protobufs(number: int) -> None:
    written = post_pb2.Post(post_id=number).SerializeToString()
    assert written == (b"\x08" + varint(number) if number else b"")


@pytest.mark.parametrize("likes", [0, 1, 300, 2**40])
@pytest.mark.parametrize("viewer_likes", [True, False])
def test_counts_and_likes_merge_into_the_cached_part(likes: int, viewer_likes: bool) -> None:  # noqa: FBT001
    whole = post_pb2.Post.FromString(POST.SerializeToString() + view_of_post(likes, viewer_likes))
    expected = post_pb2.Post(likes_count=likes, viewer_likes=viewer_likes)
    expected.MergeFrom(POST)
    assert whole == expected


def test_a_home_feed_reads_back() -> None:
    terms = Terms(0.5, 0.25, 1.0, 0.0, 1e-9, 0.3)
    items = [
        Item(POST.post_id, POST.SerializeToString(), Source.INBOX, terms),
        Item(POST.post_id, POST.SerializeToString(), Source.ARCHIVE),
    ]
    page = Page(ranked_at_ms=1_795_000_000_123, items=items, degraded=True)
    answer = pb.GetHomeFeedResponse.FromString(home_feed_answer(page, "token"))
    assert [item.post for item in answer.items] == [POST, POST]
    assert [item.source for item in answer.items] == [pb.FEED_SOURCE_INBOX, pb.FEED_SOURCE_ARCHIVE]
    why = answer.items[0].ranking
    assert (why.affinity, why.quality, why.freshness, why.diversity, why.negative, why.score) == tuple(terms)
    assert not answer.items[1].HasField("ranking")
    assert (answer.next_page_token, answer.degraded) == ("token", True)
    assert answer.ranked_at.ToMilliseconds() == 1_795_000_000_123


def test_an_empty_feed_and_a_timeline_read_back() -> None:
    answer = pb.GetHomeFeedResponse.FromString(home_feed_answer(Page(ranked_at_ms=0), ""))
    assert (len(answer.items), answer.next_page_token, answer.degraded) == (0, "", False)
    timeline = pb.GetAuthorTimelineResponse.FromString(
        author_timeline_answer([POST.SerializeToString()], "t", degraded=False)
    )
    assert list(timeline.posts) == [POST]
    assert (timeline.next_page_token, timeline.degraded) == ("t", False)
