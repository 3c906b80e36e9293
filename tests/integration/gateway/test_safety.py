"""Blocks, mutes, muted words and privacy over real gRPC to fake services."""

from __future__ import annotations

from gateway.opaque_ids import IdType, encode
from tests.integration.gateway.conftest import Client
from tests.integration.gateway.fake_world import AHMED, MONA, STRANGER, World

MONA_ID, AHMED_ID = encode(IdType.USER, MONA), encode(IdType.USER, AHMED)


async def test_blocks_and_mutes(graphql: Client, world: World) -> None:
    query = """mutation($user: ID!) {
      block(input: {userId: $user, idempotencyKey: "b"}) { userId }
      unblock(input: {userId: $user, idempotencyKey: "c"}) { userId }
      mute(input: {userId: $user, idempotencyKey: "m"}) { userId }
      unmute(input: {userId: $user, idempotencyKey: "n"}) { userId }
    }"""
    data = await graphql.data(query, {"user": MONA_ID})
    assert data == {key: {"userId": MONA_ID} for key in ("block", "unblock", "mute", "unmute")}
    assert world.methods() == ["Block", "Unblock", "Mute", "Unmute"]
    assert [(seen.request.user_id, seen.request.idempotency_key) for seen in world.seen] == [
        (MONA, "b"), (MONA, "c"), (MONA, "m"), (MONA, "n")
    ]  # fmt: skip


async def test_a_refused_block_says_why(graphql: Client) -> None:
    query = 'mutation { block(input: {userId: "%s", idempotencyKey: "b"}) { userId } }'
    error = await graphql.error(query % encode(IdType.USER, STRANGER))
    assert error["extensions"] == {"code": "NOT_FOUND", "reason": "PROFILE_NOT_FOUND"}


async def test_lists_of_people_page(graphql: Client, world: World) -> None:
    query = """query($after: String) { me {
      blocked(first: 1, after: $after) { edges { node { id handle } } pageInfo { hasNextPage endCursor } }
      muted { edges { node { handle } } pageInfo { hasNextPage } } } }"""
    me = (await graphql.data(query))["me"]
    assert me["blocked"]["edges"] == [{"node": {"id": AHMED_ID, "handle": "ahmed"}}]
    assert [edge["node"]["handle"] for edge in me["muted"]["edges"]] == ["ahmed", "mona"]
    assert me["blocked"]["pageInfo"]["hasNextPage"]
    me = (await graphql.data(query, {"after": me["blocked"]["pageInfo"]["endCursor"]}))["me"]
    assert me["blocked"]["edges"] == [{"node": {"id": MONA_ID, "handle": "mona"}}]
    assert not me["blocked"]["pageInfo"]["hasNextPage"]
    assert sorted(world.methods()) == sorted(["GetAccount", "ListBlocked", "ListMuted"] * 2)


async def test_muted_words_go_in_and_out_as_lists(graphql: Client, world: World) -> None:
    query = 'mutation($words: [String!]!) { setMutedWords(input: {words: $words, idempotencyKey: "w"}) { words } }'
    words = ["كرة قدم", "Spoiler"]
    assert await graphql.data(query, {"words": words}) == {"setMutedWords": {"words": words}}
    assert await graphql.data("{ me { mutedWords { words } } }") == {"me": {"mutedWords": {"words": words}}}
    assert await graphql.data(query, {"words": []}) == {"setMutedWords": {"words": []}}
    assert world.muted_words == []


async def test_a_wrong_word_is_named_by_its_place(graphql: Client) -> None:
    query = 'mutation { setMutedWords(input: {words: ["قهوة", " "], idempotencyKey: "w"}) { words } }'
    error = await graphql.error(query)
    assert error["message"] == "input.words[1]: must not be empty"
    assert error["extensions"]["fieldViolations"] == [{"field": "input.words[1]", "description": "must not be empty"}]


async def test_a_private_account_and_its_requests(graphql: Client, world: World) -> None:
    query = """mutation($user: ID!) {
      updateProfile(input: {isPrivate: true}) { profile { isPrivate viewerRequested } }
      answerFollowRequest(input: {userId: $user, accept: true, idempotencyKey: "a"}) { profile { id } }
      removeFollower(input: {userId: $user, idempotencyKey: "r"}) { userId }
    }"""
    assert await graphql.data(query, {"user": MONA_ID}) == {
        "updateProfile": {"profile": {"isPrivate": True, "viewerRequested": False}},
        "answerFollowRequest": {"profile": {"id": MONA_ID}},
        "removeFollower": {"userId": MONA_ID},
    }
    assert world.methods() == ["UpdateProfile", "AnswerFollowRequest", "RemoveFollower"]
    assert (world.seen[1].request.follower_id, world.seen[1].request.accept) == (MONA, True)
    # What is absent stays as it is.
    data = await graphql.data('mutation { updateProfile(input: {bio: "أهلا"}) { profile { isPrivate bio } } }')
    assert data == {"updateProfile": {"profile": {"isPrivate": True, "bio": "أهلا"}}}
    data = await graphql.data("{ me { followRequests(first: 1) { edges { node { handle isPrivate } } } } }")
    assert data == {"me": {"followRequests": {"edges": [{"node": {"handle": "ahmed", "isPrivate": True}}]}}}


async def test_a_request_that_is_gone_says_so(graphql: Client) -> None:
    query = (
        'mutation { answerFollowRequest(input: {userId: "%s", accept: true, idempotencyKey: "a"}) { profile { id } } }'
    )
    error = await graphql.error(query % encode(IdType.USER, STRANGER))
    assert error["extensions"] == {"code": "NOT_FOUND", "reason": "FOLLOW_REQUEST_NOT_FOUND"}


async def test_whether_an_author_is_private_is_asked_for_as_posts_do_not_say(graphql: Client, world: World) -> None:
    world.profiles[MONA].is_private = True
    data = await graphql.data("{ homeFeed(first: 2) { edges { node { post { author { handle isPrivate } } } } } }")
    edges = data["homeFeed"]["edges"]
    assert [edge["node"]["post"]["author"] for edge in edges] == [{"handle": "mona", "isPrivate": True}] * 2
    assert world.methods() == ["GetHomeFeed", "BatchGetProfiles"]
