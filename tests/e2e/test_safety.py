"""What people keep away, through GraphQL on the whole platform: blocks, mutes, muted words, private accounts."""

from __future__ import annotations

import pytest

from dev.scratch_platform import ScratchPlatform
from tests.e2e.people import Person
from tests.e2e.test_journey import eventually, refused

pytestmark = [pytest.mark.timeout(300)]
POST = "query($id: ID!) { post(id: $id) { id } }"
PROFILE = "query($id: ID!) { profile(id: $id) { viewerFollows viewerRequested isPrivate } }"
TIMELINE = "query($id: ID!) { authorTimeline(authorId: $id, first: 5) { edges { node { id } } } }"
PRIVACY = "mutation($on: Boolean!) { updateProfile(input: {isPrivate: $on}) { profile { isPrivate } } }"
LISTS = "{ me { blocked { edges { node { id } } } muted { edges { node { id } } } mutedWords { words } } }"
REQUESTS = "{ me { followRequests { edges { node { id } } } } }"


@pytest.fixture(scope="module")
def salma(empty_platform: ScratchPlatform) -> Person:
    return Person.signs_up(empty_platform, "salma")


@pytest.fixture(scope="module")
def karim(empty_platform: ScratchPlatform) -> Person:
    return Person.signs_up(empty_platform, "karim")


def shown(reader: Person, mode: str = "LATEST") -> list[str]:
    return [item["post"]["id"] for item in reader.feed(mode)]


def test_mutes_words_and_blocks(salma: Person, karim: Person) -> None:
    salma.does("follow", "profile { viewerFollows }", userId=karim.user_id)
    football, coffee = karim.posts("ماتش الأهلي الليلة"), karim.posts("قهوة الصبح")
    eventually(lambda: shown(salma) == [coffee, football])
    assert salma.does("setMutedWords", "words", words=["الاهلى", "الأهلي"]) == {"words": ["الاهلى"]}
    assert shown(salma) == shown(salma, "RANKED") == [coffee]
    assert salma.does("mute", "userId", userId=karim.user_id) == {"userId": karim.user_id}
    assert shown(salma) == []
    one = {"edges": [{"node": {"id": karim.user_id}}]}
    lists = salma.asks(LISTS)["me"]
    assert lists == {"blocked": {"edges": []}, "muted": one, "mutedWords": {"words": ["الاهلى"]}}
    salma.does("unmute", "userId", userId=karim.user_id)
    salma.does("setMutedWords", "words", words=[])
    assert shown(salma) == [coffee, football]
    salma.does("block", "userId", userId=karim.user_id)
    assert shown(salma) == shown(salma, "RANKED") == []
    assert salma.asks(LISTS)["me"]["blocked"] == one
    assert salma.asks(POST, id=coffee) == {"post": None}
    assert karim.asks(PROFILE, id=salma.user_id) == {"profile": None}
    assert karim.asks(TIMELINE, id=salma.user_id) == {"authorTimeline": None}
    refused(lambda: karim.does("follow", "profile { id }", userId=salma.user_id), "FORBIDDEN")
    refused(lambda: salma.asks(TIMELINE, id=karim.user_id), "FORBIDDEN")
    salma.does("unblock", "userId", userId=karim.user_id)
    assert salma.asks(POST, id=coffee) == {"post": {"id": coffee}}
    assert shown(salma) == [], "follows that a block ended do not come back"


def test_a_private_account(salma: Person, karim: Person) -> None:
    assert karim.asks(PRIVACY, on=True)["updateProfile"]["profile"]["isPrivate"] is True
    secret = karim.posts("للأصحاب بس")
    follow = "profile { viewerFollows viewerRequested isPrivate }"
    asked = salma.does("follow", follow, userId=karim.user_id)["profile"]
    assert asked == {"viewerFollows": False, "viewerRequested": True, "isPrivate": True}
    assert salma.asks(POST, id=secret) == {"post": None}
    refused(lambda: salma.asks(TIMELINE, id=karim.user_id), "FORBIDDEN")
    assert karim.asks(REQUESTS)["me"]["followRequests"]["edges"] == [{"node": {"id": salma.user_id}}]
    karim.does("answerFollowRequest", "profile { id }", userId=salma.user_id, accept=True)
    assert secret in shown(salma)
    assert salma.asks(POST, id=secret) == {"post": {"id": secret}}
    karim.does("removeFollower", "userId", userId=salma.user_id)
    assert shown(salma) == []
    salma.does("follow", follow, userId=karim.user_id)
    karim.asks(PRIVACY, on=False)
    eventually(lambda: secret in shown(salma))
    followed = {"viewerFollows": True, "viewerRequested": False, "isPrivate": False}
    assert salma.asks(PROFILE, id=karim.user_id)["profile"] == followed
