"""Every root field over real gRPC to fake services."""

from __future__ import annotations

from gateway.opaque_ids import IdType, encode
from tests.integration.gateway.conftest import Client
from tests.integration.gateway.fake_world import AHMED, MONA, STRANGER, World

MONA_ID, AHMED_ID, POST_ID = encode(IdType.USER, MONA), encode(IdType.USER, AHMED), encode(IdType.POST, 5000)


async def test_me_joins_the_profile(graphql: Client, world: World) -> None:
    data = await graphql.data("{ me { id maskedPhone maskedEmail createdAt profile { id handle displayName } } }")
    assert data["me"] == {
        "id": AHMED_ID,
        "maskedPhone": "+2010*****67",
        "maskedEmail": None,
        "createdAt": "2026-11-18T11:06:40.125Z",
        "profile": {"id": AHMED_ID, "handle": "ahmed", "displayName": "أحمد"},
    }
    assert world.methods() == ["GetAccount", "BatchGetProfiles"]


async def test_me_without_a_profile(graphql: Client) -> None:
    data = await graphql.data("{ me { profile { handle } } }", user=STRANGER)
    assert data == {"me": {"profile": None}}


async def test_feed_says_why(graphql: Client, world: World) -> None:
    query = """{ homeFeed(first: 2) { degraded rankedAt edges { cursor node { post { id body kind author { handle } }
      whyShown { source score affinity { value weight contribution } negative { weight } } } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
    feed = (await graphql.data(query))["homeFeed"]
    assert not feed["degraded"]
    first = feed["edges"][0]["node"]
    assert first["post"] == {"id": POST_ID, "body": "صباح الخير يا مصر", "kind": "TEXT", "author": {"handle": "mona"}}
    assert first["whyShown"] == {
        "source": "INBOX",
        "score": 0.4225,
        "affinity": {"value": 0.5, "weight": 0.35, "contribution": 0.175},
        "negative": {"weight": -0.4},
    }
    assert feed["pageInfo"]["hasNextPage"]
    assert not feed["pageInfo"]["hasPreviousPage"]
    assert feed["pageInfo"]["endCursor"] == feed["edges"][-1]["cursor"]
    # The author's name is in the feed's own answer.
    assert world.methods() == ["GetHomeFeed"]


async def test_latest_has_no_ranking(graphql: Client) -> None:
    query = "{ homeFeed(mode: LATEST, first: 1) { edges { node { whyShown { source score affinity { value } } } } } }"
    (edge,) = (await graphql.data(query))["homeFeed"]["edges"]
    assert edge["node"]["whyShown"] == {"source": "INBOX", "score": None, "affinity": None}


async def test_counts_of_authors_are_loaded_once_together(graphql: Client, world: World) -> None:
    query = "{ homeFeed(first: 30) { edges { node { post { author { handle followersCount viewerFollows } } } } } }"
    edges = (await graphql.data(query))["homeFeed"]["edges"]
    assert {edge["node"]["post"]["author"]["followersCount"] for edge in edges} == {7}
    assert all(edge["node"]["post"]["author"]["viewerFollows"] for edge in edges)
    assert world.methods() == ["GetHomeFeed", "BatchGetProfiles"]
    assert list(world.seen[1].request.user_ids) == [MONA]


async def test_pages_follow_one_another_without_holes(graphql: Client) -> None:
    query = """query($after: String) { homeFeed(first: 7, after: $after) {
      edges { node { post { id } } } pageInfo { hasNextPage endCursor } } }"""
    seen, after = [], None
    while True:
        feed = (await graphql.data(query, {"after": after}))["homeFeed"]
        seen += [edge["node"]["post"]["id"] for edge in feed["edges"]]
        after = feed["pageInfo"]["endCursor"]
        if not feed["pageInfo"]["hasNextPage"]:
            break
    assert seen == [encode(IdType.POST, 5000 + index) for index in range(30)]


async def test_a_cursor_from_the_middle_goes_on_there(graphql: Client, world: World) -> None:
    query = """query($first: Int!, $after: String) { authorTimeline(authorId: "MONA", first: $first, after: $after) {
      edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage } } }""".replace("MONA", MONA_ID)
    whole = (await graphql.data(query, {"first": 30}))["authorTimeline"]["edges"]
    some = (await graphql.data(query, {"first": 10}))["authorTimeline"]["edges"]
    after = some[3]["cursor"]
    rest = (await graphql.data(query, {"first": 5, "after": after}))["authorTimeline"]
    assert [edge["node"]["id"] for edge in rest["edges"]] == [edge["node"]["id"] for edge in whole[4:9]]
    assert rest["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": True}
    # A new post in front of the page moves everything by one; the item is found by its id.
    world.posts = {4999: world.add_post(4999, MONA, "جديد"), **world.posts}
    moved = (await graphql.data(query, {"first": 5, "after": after}))["authorTimeline"]
    assert [edge["node"]["id"] for edge in moved["edges"]] == [edge["node"]["id"] for edge in whole[4:8]]
    assert moved["pageInfo"]["hasNextPage"]


async def test_profiles_by_id_and_handle(graphql: Client) -> None:
    query = """query($id: ID!) { a: profile(id: $id) { handle followersCount bio
      posts(first: 1) { edges { node { id } } }
      followers(first: 1) { edges { node { handle } } pageInfo { hasNextPage } } }
      b: profile(handle: "ahmed") { id } c: profile(handle: "nobody") { id } }"""
    data = await graphql.data(query, {"id": MONA_ID}, user=None)
    assert data["a"]["handle"] == "mona"
    assert data["a"]["posts"]["edges"] == [{"node": {"id": POST_ID}}]
    assert data["a"]["followers"] == {"edges": [{"node": {"handle": "ahmed"}}], "pageInfo": {"hasNextPage": True}}
    assert data["b"] == {"id": AHMED_ID}
    assert data["c"] is None


async def test_profile_takes_exactly_one_key(graphql: Client) -> None:
    error = await graphql.error(f'{{ profile(id: "{MONA_ID}", handle: "mona") {{ id }} }}')
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_unknown_post_is_null_and_node_finds_both(graphql: Client) -> None:
    query = """{ post(id: "%s") { id } here: post(id: "%s") { id author { postsCount } }
      a: node(id: "%s") { id __typename } b: node(id: "%s") { ... on Profile { handle } } }"""
    data = await graphql.data(query % (encode(IdType.POST, 1), POST_ID, POST_ID, MONA_ID))
    assert data["post"] is None
    assert data["here"] == {"id": POST_ID, "author": {"postsCount": 2}}
    assert data["a"] == {"id": POST_ID, "__typename": "Post"}
    assert data["b"] == {"handle": "mona"}


async def test_writes_of_social(graphql: Client, world: World) -> None:
    query = """mutation($user: ID!, $post: ID!) {
      follow(input: {userId: $user, idempotencyKey: "f"}) { profile { viewerFollows } }
      unfollow(input: {userId: $user, idempotencyKey: "u"}) { profile { handle } }
      createPost(input: {body: "مساء الخير", idempotencyKey: "c"}) { post { body author { handle } } }
      likePost(input: {postId: $post, idempotencyKey: "l"}) { post { viewerLikes } }
      unlikePost(input: {postId: $post, idempotencyKey: "x"}) { post { viewerLikes } }
      reportPost(input: {postId: $post, idempotencyKey: "r"}) { postId }
      deletePost(input: {postId: $post, idempotencyKey: "d"}) { postId }
      updateProfile(input: {bio: ""}) { profile { bio } }
    }"""
    data = await graphql.data(query, {"user": MONA_ID, "post": POST_ID})
    assert data == {
        "follow": {"profile": {"viewerFollows": True}},
        "unfollow": {"profile": {"handle": "mona"}},
        "createPost": {"post": {"body": "مساء الخير", "author": {"handle": "ahmed"}}},
        "likePost": {"post": {"viewerLikes": True}},
        "unlikePost": {"post": {"viewerLikes": False}},
        "reportPost": {"postId": POST_ID},
        "deletePost": {"postId": POST_ID},
        "updateProfile": {"profile": {"bio": ""}},
    }
    # Mutations run one after another, in the order written.
    assert world.methods() == [
        "Follow", "Unfollow", "CreatePost", "LikePost", "UnlikePost", "ReportPost", "DeletePost", "UpdateProfile"
    ]  # fmt: skip
    assert not world.seen[-1].request.HasField("display_name")
    assert world.seen[-1].request.HasField("bio")


async def test_liking_an_unknown_post_is_an_error(graphql: Client) -> None:
    query = 'mutation { likePost(input: {postId: "%s", idempotencyKey: "l"}) { post { id } } }'
    error = await graphql.error(query % encode(IdType.POST, 1))
    assert error["extensions"] == {"code": "NOT_FOUND", "reason": "POST_NOT_FOUND"}
    assert error["path"] == ["likePost"]


async def test_sign_in_refresh_and_out(graphql: Client) -> None:
    query = """mutation {
      signIn(input: {phone: "01001234567", password: "x"}) { userId tokens { accessToken } profile { handle } }
      refreshTokens(input: {refreshToken: "r"}) { tokens { refreshToken accessExpiresAt } } signOut { signedOut } }"""
    data = await graphql.data(query)
    assert data["signIn"] == {
        "userId": AHMED_ID,
        "tokens": {"accessToken": "access-1001"},
        "profile": {"handle": "ahmed"},
    }
    assert data["refreshTokens"]["tokens"]["refreshToken"] == "refresh-1001"
    assert data["signOut"] == {"signedOut": True}


async def test_wallet_and_statement(graphql: Client, world: World) -> None:
    query = """{ wallet { ownerId balance { piastres egp formatted } } walletEntries(first: 3) { edges { node {
      id kind amount { piastres formatted } balanceAfter { piastres } counterparty { handle } postedAt } } } }"""
    data = await graphql.data(query)
    assert data["wallet"]["balance"] == {"piastres": "123450", "egp": "1234.50", "formatted": "EGP 1,234.50"}
    nodes = [edge["node"] for edge in data["walletEntries"]["edges"]]
    assert [node["counterparty"] for node in nodes] == [{"handle": "mona"}, None, None]
    assert nodes[0]["amount"] == {"piastres": str(-(2**40)), "formatted": "EGP -10,995,116,277.76"}
    assert nodes[0]["balanceAfter"]["piastres"] == str(2**53 + 1)
    assert sorted(world.methods()) == ["BatchGetProfiles", "GetWallet", "ListWalletEntries"]


async def test_statement_between_two_moments(graphql: Client) -> None:
    query = """query($after: String) { wallet { statement(
      from: "2026-11-01T00:00:00+02:00", to: "2026-12-01T00:00:00+02:00", first: 2, after: $after
    ) { from to openingBalance { piastres } closingBalance { egp } pageInfo { hasNextPage endCursor } edges { node {
      number reversesTransferId whole { piastres } entry { kind balanceAfter { piastres } } } } } } }"""
    first = (await graphql.data(query))["wallet"]["statement"]
    assert (first["from"], first["to"]) == ("2026-10-31T22:00:00.000Z", "2026-11-30T22:00:00.000Z")
    assert (first["openingBalance"], first["closingBalance"]) == ({"piastres": "1000"}, {"egp": "7.00"})
    nodes = [edge["node"] for edge in first["edges"]]
    assert [(node["number"], node["entry"]["kind"]) for node in nodes] == [(1, "PAYOUT"), (2, "PAYOUT")]
    assert nodes[0]["reversesTransferId"] is None
    assert nodes[1]["reversesTransferId"] is not None
    assert first["pageInfo"]["hasNextPage"]
    last = (await graphql.data(query, {"after": first["pageInfo"]["endCursor"]}))["wallet"]["statement"]
    assert [edge["node"]["number"] for edge in last["edges"]] == [3]
    assert not last["pageInfo"]["hasNextPage"]


async def test_author_stats(graphql: Client) -> None:
    data = await graphql.data(
        "{ authorStats(days: 2) { total { likes followers tipsReceived { egp } } days { day } } }"
    )
    # Counts past 32 bits stay at the greatest Int.
    assert data["authorStats"]["total"] == {"likes": 2**31 - 1, "followers": -3, "tipsReceived": {"egp": "89.00"}}
    assert [day["day"] for day in data["authorStats"]["days"]] == ["2026-11-01", "2026-11-02"]


async def test_call_carries_token_request_id_and_deadline(graphql: Client, world: World) -> None:
    headers = {"authorization": f"Bearer access-{AHMED}", "x-request-id": "from-the-app_1"}
    response = await graphql.http.post("/graphql", json={"query": "{ wallet { ownerId } }"}, headers=headers)
    assert response.headers["x-request-id"] == "from-the-app_1"
    (call,) = world.seen
    assert call.metadata["authorization"] == f"Bearer access-{AHMED}"
    assert call.metadata["x-request-id"] == "from-the-app_1"
    assert call.remaining_s is not None
    assert 0 < call.remaining_s <= 3
