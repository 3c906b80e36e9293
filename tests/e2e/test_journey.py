"""What an app does, through GraphQL: accounts, posts, likes, feeds, money and figures; and what it must be refused."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable

import httpx
import pytest

from dev.scratch_platform import GraphQLError, ScratchPlatform
from tests.e2e.people import FEED, SIGN_IN, SIGN_UP, Person

PATIENCE_S = 30.0
REFRESH = "mutation($t: String!) { refreshTokens(input: {refreshToken: $t}) { tokens { accessToken refreshToken } } }"

pytestmark = [pytest.mark.timeout(300)]


def eventually(condition: Callable[[], bool]) -> None:
    """Waits for what projections bring."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)


def refused(call: Callable[[], object], code: str) -> GraphQLError:
    """The refusal of a call, which must carry the code and nothing internal."""
    with pytest.raises(GraphQLError) as caught:
        call()
    assert code in caught.value.codes, caught.value
    assert not any(word in str(caught.value) for word in ("Traceback", "asyncpg", "grpc", "127.0.0.1", "SELECT"))
    return caught.value


@pytest.fixture(scope="module")
def nour(empty_platform: ScratchPlatform) -> Person:
    return Person.signs_up(empty_platform, "nour")


@pytest.fixture(scope="module")
def omar(empty_platform: ScratchPlatform) -> Person:
    return Person.signs_up(empty_platform, "omar")


def test_an_account_by_phone_signs_in_refreshes_and_signs_out(empty_platform: ScratchPlatform) -> None:
    digits = f"{secrets.randbelow(10**8):08d}"
    fields = {"password": "قطر الندى ٢٠٢٦", "handle": f"p_{digits}", "displayName": "هدى", "idempotencyKey": digits}
    arabic = ("010" + digits).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    made = empty_platform.graphql(SIGN_UP, {"input": {**fields, "phone": arabic}})["signUp"]
    again = empty_platform.graphql(SIGN_UP, {"input": {**fields, "phone": "+2010" + digits}})["signUp"]
    assert again["userId"] == made["userId"], "one number in two spellings, one key: one account"
    signed_in = {"input": {"phone": f"010 {digits}", "password": fields["password"]}}
    tokens = empty_platform.graphql(SIGN_IN, signed_in)["signIn"]["tokens"]
    refresh = (
        "mutation($t: String!) { refreshTokens(input: {refreshToken: $t}) { tokens { accessToken refreshToken } } }"
    )
    renewed = empty_platform.graphql(refresh, {"t": tokens["refreshToken"]})["refreshTokens"]["tokens"]
    me = empty_platform.graphql("{ me { id profile { displayName } } }", token=renewed["accessToken"])["me"]
    assert me == {"id": made["userId"], "profile": {"displayName": "هدى"}}
    assert empty_platform.graphql("mutation { signOut { signedOut } }", token=renewed["accessToken"])
    refused(lambda: empty_platform.graphql(refresh, {"t": renewed["refreshToken"]}), "UNAUTHENTICATED")
    wrong = {"input": {"phone": f"010 {digits}", "password": "not it at all"}}
    refused(lambda: empty_platform.graphql(SIGN_IN, wrong), "UNAUTHENTICATED")


def test_posts_likes_and_feeds(nour: Person, omar: Person) -> None:
    omar.does("follow", "profile { viewerFollows }", userId=nour.user_id)
    body = "صباح الخير يا مصر 🌞 مين فاضي ع القهوة؟"
    post = nour.posts(body, key="first")
    assert nour.posts(body, key="first") == post, "the same key and body: the same post"
    refused(lambda: nour.posts("another", key="first"), "CONFLICT")
    assert post in [item["post"]["id"] for item in nour.feed("RANKED")], "authors see their post in the very next feed"
    eventually(lambda: post in [item["post"]["id"] for item in omar.feed("RANKED")])
    liked = omar.does("likePost", "post { viewerLikes }", postId=post)
    assert liked["post"]["viewerLikes"] is True
    omar.does("likePost", "post { id }", postId=post)
    count = "query($id: ID!) { post(id: $id) { likesCount viewerLikes kind language } }"
    eventually(lambda: omar.asks(count, id=post)["post"]["likesCount"] == 1)
    assert omar.asks(count, id=post)["post"] == {
        "likesCount": 1, "viewerLikes": True, "kind": "QUESTION", "language": "ar"
    }  # fmt: skip
    omar.does("unlikePost", "post { id }", postId=post)
    eventually(lambda: omar.asks(count, id=post)["post"]["likesCount"] == 0)
    timeline = "query($id: ID!) { profile(id: $id) { posts(first: 5) { edges { node { id } } } } }"
    assert omar.asks(timeline, id=nour.user_id)["profile"]["posts"]["edges"][0]["node"]["id"] == post
    refused(lambda: omar.does("deletePost", "postId", postId=post), "FORBIDDEN")
    nour.does("deletePost", "postId", postId=post)
    assert omar.asks(count, id=post)["post"] is None
    assert post not in [item["post"]["id"] for item in omar.feed("LATEST")]
    kept = nour.posts("باقي")
    eventually(lambda: kept in [item["post"]["id"] for item in omar.feed("LATEST")])
    omar.does("unfollow", "profile { viewerFollows }", userId=nour.user_id)
    assert omar.feed("LATEST") == [], "an unfollow takes effect on the next read"


def test_a_follower_is_told_of_newer_posts(empty_platform: ScratchPlatform, nour: Person, omar: Person) -> None:
    omar.does("follow", "profile { viewerFollows }", userId=nour.user_id)
    headers = {"authorization": f"Bearer {omar.token}", "accept": "text/event-stream"}
    query = {"query": "subscription { homeFeedNews { newerCount } }"}
    url = f"{empty_platform.endpoints['GATEWAY_URL']}/graphql"
    with httpx.stream("POST", url, json=query, headers=headers, timeout=PATIENCE_S) as response:
        counts = (
            json.loads(line.removeprefix("data:"))["data"]["homeFeedNews"]["newerCount"]
            for line in response.iter_lines()
            if line.startswith("data:")
        )
        assert next(counts) == 0
        nour.posts("خبر عاجل: الشاي خلص", key="news")
        assert next(counts) == 1


def test_money_and_figures(nour: Person, omar: Person) -> None:
    top_up = "... on TopUp { state wallet { balance { piastres } } } ... on TopUpDeclined { message }"
    answer = omar.does("topUp", top_up, key="top", amountPiastres="10000")
    assert answer == {"state": "SUCCEEDED", "wallet": {"balance": {"piastres": "10000"}}}
    assert omar.does("topUp", top_up, key="top", amountPiastres="10000") == answer
    tip = "... on Tip { fee { piastres } vat { piastres } received { piastres } } ... on InsufficientFunds { message }"
    sent = omar.does("sendTip", tip, key="tip", recipientId=nour.user_id, amountPiastres="4000")
    amounts = [int(sent[part]["piastres"]) for part in ("fee", "vat", "received")]
    assert sum(amounts) == 4000
    assert omar.does("sendTip", tip, key="tip", recipientId=nour.user_id, amountPiastres="4000") == sent
    too_much = omar.does("sendTip", tip, recipientId=nour.user_id, amountPiastres="999999")
    assert "message" in too_much
    statement = "{ wallet { balance { piastres } } walletEntries { edges { node { kind amount { piastres } } } } }"
    seen = omar.asks(statement)
    assert seen["wallet"]["balance"]["piastres"] == "6000"
    kinds = [edge["node"]["kind"] for edge in seen["walletEntries"]["edges"]]
    assert kinds == ["TIP_SENT", "TOP_UP"]
    stats = "{ authorStats(days: 1) { total { posts tips tipsReceived { piastres } } days { day } } }"
    eventually(lambda: nour.asks(stats)["authorStats"]["total"]["tips"] == 1)
    total = nour.asks(stats)["authorStats"]["total"]
    assert int(total["tipsReceived"]["piastres"]) == amounts[2]


def test_what_is_wrong_gets_one_clear_error(nour: Person, omar: Person) -> None:
    platform = nour.platform
    refused(lambda: platform.graphql("{ wallet { balance { egp } } }"), "UNAUTHENTICATED")
    forged = nour.token[:-6] + ("AAAAAA" if not nour.token.endswith("AAAAAA") else "BBBBBB")
    refused(lambda: platform.graphql("{ wallet { balance { egp } } }", token=forged), "UNAUTHENTICATED")
    for n in range(3):
        nour.posts(f"للصفحات {n}")
    cursor = nour.asks(FEED, mode="LATEST", first=1, after=None)["homeFeed"]["pageInfo"]["endCursor"]
    refused(lambda: omar.asks(FEED, mode="LATEST", first=1, after=cursor), "BAD_USER_INPUT")
    refused(lambda: nour.asks(FEED, mode="RANKED", first=1, after=cursor), "BAD_USER_INPUT")
    refused(lambda: nour.posts("مرحبا\u202eabc"), "BAD_USER_INPUT")
    refused(lambda: nour.posts("   "), "BAD_USER_INPUT")
    refused(lambda: nour.posts("ا" * 1001), "BAD_USER_INPUT")
    refused(lambda: nour.does("follow", "profile { id }", userId=nour.user_id), "BAD_USER_INPUT")
    refused(lambda: nour.does("follow", "profile { id }", userId="nonsense"), "BAD_USER_INPUT")
    assert nour.asks('{ profile(handle: "nobody_here") { id } }')["profile"] is None
    refused(lambda: nour.asks("{ homeFeed { "), "GRAPHQL_PARSE_FAILED")


def test_the_audit_log_of_it_all_is_intact(empty_platform: ScratchPlatform, nour: Person) -> None:
    nour.renews()
    history = nour.asks("{ me { securityHistory(first: 5) { edges { node { kind byOwner sessionId repeats } } } } }")
    told = [edge["node"] for edge in history["me"]["securityHistory"]["edges"]]
    assert {entry["kind"] for entry in told if entry["byOwner"]} == {"session_started", "user_registered"}
    deadline = time.monotonic() + 30
    said = ""
    # Rows are sealed some seconds after they were written, in the background.
    while " 0 rows not sealed yet" not in said:
        assert time.monotonic() < deadline, said
        time.sleep(0.5)
        said = empty_platform.daira("audit", "verify").stdout
    assert "audit log: intact" in said


CREATE_PLAN = "mutation($i: CreatePlanInput!) { createPlan(input: $i) { ... on PlanCreated { plan { id } } } }"
SUBSCRIBE = """
mutation($i: SubscribeInput!) {
  subscribe(input: $i) { __typename ... on Subscribed { subscription { id state price { egp } } } }
}
"""
END_IT = """
mutation($i: CancelSubscriptionInput!) {
  cancelSubscription(input: $i) { ... on SubscriptionCanceled { subscription { state } } }
}
"""
POST = "query($id: ID!) { post(id: $id) { body isLocked } }"


def test_a_subscription_opens_what_is_for_subscribers(empty_platform: ScratchPlatform) -> None:
    fan, creator = Person.signs_up(empty_platform, "fan"), Person.signs_up(empty_platform, "creator")
    words = "كواليس التصوير للمشتركين"
    plan = {"nameAr": "أصدقاء", "nameEn": "Friends", "interval": "MONTH", "pricePiastres": 5_000, "idempotencyKey": "p"}
    plan_id = creator.asks(CREATE_PLAN, i=plan)["createPlan"]["plan"]["id"]
    post_id = creator.does("createPost", "post { id }", body=words, subscribersOnly=True)["post"]["id"]

    def sees(person: Person, body: str) -> bool:
        return bool(person.asks(POST, id=post_id)["post"] == {"body": body, "isLocked": not body})

    assert sees(creator, words)
    assert sees(fan, "")
    fan.does("topUp", "__typename", amountPiastres=10_000)
    order = {"planId": plan_id, "source": "WALLET", "idempotencyKey": "s"}
    begun = fan.asks(SUBSCRIBE, i=order)["subscribe"]
    assert (begun["subscription"]["state"], begun["subscription"]["price"]["egp"]) == ("ACTIVE", "50.00")
    assert fan.asks(SUBSCRIBE, i=order)["subscribe"] == begun
    again = fan.asks(SUBSCRIBE, i=order | {"idempotencyKey": "z"})["subscribe"]
    assert again == {"__typename": "AlreadySubscribed"}
    # Social hears of it by payments' log.
    eventually(lambda: sees(fan, words))
    end = {"subscriptionId": begun["subscription"]["id"], "atPeriodEnd": False, "idempotencyKey": "c"}
    assert fan.asks(END_IT, i=end)["cancelSubscription"]["subscription"]["state"] == "CANCELED"
    eventually(lambda: sees(fan, ""))
