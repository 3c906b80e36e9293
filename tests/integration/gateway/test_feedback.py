"""Reposts and feedback over real gRPC to fake services."""

from __future__ import annotations

from gateway.opaque_ids import IdType, encode
from tests.integration.gateway.conftest import Client
from tests.integration.gateway.fake_world import MONA, World


def ids_of(world: World) -> list[str]:
    return [encode(IdType.POST, post_id) for post_id in world.posts]


async def test_passing_a_post_on_and_back(graphql: Client, world: World) -> None:
    query = """mutation($post: ID!) {
      repost(input: {postId: $post, idempotencyKey: "r"}) { post { id repostsCount viewerReposted } }
      undoRepost(input: {postId: $post, idempotencyKey: "u"}) { post { id repostsCount viewerReposted } }
    }"""
    post_id = ids_of(world)[0]
    data = await graphql.data(query, {"post": post_id})
    assert data == {
        "repost": {"post": {"id": post_id, "repostsCount": 7, "viewerReposted": True}},
        "undoRepost": {"post": {"id": post_id, "repostsCount": 0, "viewerReposted": False}},
    }
    assert world.methods() == ["Repost", "UndoRepost"]
    assert [seen.request.idempotency_key for seen in world.seen] == ["r", "u"]


async def test_a_refused_repost_says_why(graphql: Client) -> None:
    query = 'mutation { repost(input: {postId: "%s", idempotencyKey: "r"}) { post { id } } }'
    error = await graphql.error(query % encode(IdType.POST, 404))
    assert error["extensions"] == {"code": "NOT_FOUND", "reason": "POST_NOT_FOUND"}


FEEDBACK = """mutation($items: [PostFeedbackInput!]!) {
  recordFeedback(input: {items: $items, idempotencyKey: "f"}) { idempotencyKey }
}"""


async def test_feedback_goes_in_as_a_list_of_objects(graphql: Client, world: World) -> None:
    ids = ids_of(world)
    items = [{"postId": ids[0], "opened": True}, {"postId": ids[1]}]
    assert await graphql.data(FEEDBACK, {"items": items}) == {"recordFeedback": {"idempotencyKey": "f"}}
    ((request),) = [seen.request for seen in world.seen]
    assert [(item.post_id, item.opened) for item in request.items] == list(
        zip(world.posts, (True, False), strict=False)
    )
    assert request.idempotency_key == "f"


async def test_what_is_wrong_with_a_batch_is_named(graphql: Client, world: World) -> None:
    right = ids_of(world)[0]
    error = await graphql.error(FEEDBACK, {"items": [{"postId": right}, {"postId": encode(IdType.USER, MONA)}]})
    assert error["extensions"]["fieldViolations"][0]["field"] == "input.items[1].postId"
    assert world.methods() == []
    error = await graphql.error(FEEDBACK, {"items": [{"postId": right}] * 101})
    assert error["extensions"]["fieldViolations"] == [{"field": "input.items", "description": "must be 1 to 100"}]
