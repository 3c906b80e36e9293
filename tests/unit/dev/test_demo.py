"""The demo community: the same every time, in two languages, acceptable to the services, one star above the border."""

from __future__ import annotations

import re
from collections import Counter

import phonenumbers

from dev.demo import phrases_arabic, phrases_english
from dev.demo.community import PEOPLE, SLOT, STAR, VISITOR, Demo, draw_demo
from dev.demo.filling import TOP_UP_PIASTRES
from dev.loader.community import Calendar
from dev.processes import DEMO_FAN_IN_THRESHOLD
from services.chassis.text import clean_text

HANDLE = re.compile(r"[a-z0-9_]{3,30}")


def demo() -> Demo:
    return draw_demo(Calendar(now_ms=1_800_000_000_000, days=30))


def test_it_is_the_same_every_time() -> None:
    assert demo() == demo()


def test_people_are_acceptable() -> None:
    people = demo().community.people
    assert len({person.handle for person in people}) == PEOPLE
    for person in people:
        assert HANDLE.fullmatch(person.handle)
        assert phonenumbers.is_valid_number(phonenumbers.parse(person.phone))
        assert clean_text(person.display_name, "name", 1, 50) == person.display_name
        assert clean_text(person.bio, "bio", 0, 300) == person.bio
    assert people[VISITOR].phone == "+201000000001"


def test_posts_are_acceptable_varied_and_in_both_languages() -> None:
    bodies = [post.body for post in demo().community.posts]
    assert all(clean_text(body, "body", 1, 1000, multiline=True) == body for body in bodies)
    assert not any("{" in body for body in bodies)
    assert len(set(bodies)) > 0.9 * len(bodies)
    arabic = sum(bool(re.search(r"[\u0600-\u06ff]", body)) for body in bodies)
    assert 0.5 < arabic / len(bodies) < 0.9


def test_every_slot_has_words_and_every_list_is_used() -> None:
    for source in (phrases_arabic, phrases_english):
        used = {slot for phrase in source.PHRASES for slot in SLOT.findall(phrase)}
        assert used == set(source.WORDS)


def test_the_star_is_above_the_fan_in_border_and_others_are_below() -> None:
    community = demo().community
    followers = Counter(follow.followee_id for follow in community.follows)
    star = community.people[STAR].user_id
    assert followers.pop(star) > DEMO_FAN_IN_THRESHOLD
    assert max(followers.values()) < DEMO_FAN_IN_THRESHOLD


def test_posts_are_passed_on_once_by_those_who_follow_and_after_they_were_there() -> None:
    community = demo().community
    follows = {(follow.follower_id, follow.followee_id) for follow in community.follows}
    posts = {post.post_id: post for post in community.posts}
    pairs = [(repost.user_id, repost.post_id) for repost in community.reposts]
    assert len(pairs) == len(set(pairs)) > 500
    for repost in community.reposts:
        assert (repost.user_id, repost.author_id) in follows
        assert posts[repost.post_id].author_id == repost.author_id
        assert repost.repost_id > repost.post_id
    ids = [repost.repost_id for repost in community.reposts]
    assert len({*ids, *posts}) == len(ids) + len(posts)


def test_everybody_sees_each_post_once_and_what_they_like_in_any_case() -> None:
    community = demo().community
    seen = [(batch.viewer_id, post[0]) for batch in community.feedback for post in batch.posts]
    assert len(seen) == len(set(seen)) > 10_000
    assert {(like.user_id, like.post_id) for like in community.likes} <= set(seen)
    authors = {post.post_id: post.author_id for post in community.posts}
    for batch in community.feedback:
        assert 1 <= len(batch.posts) <= 100
        assert all(authors[post_id] == author_id != batch.viewer_id for post_id, author_id, _ in batch.posts)
    assert [batch.at_ms for batch in community.feedback] == sorted(batch.at_ms for batch in community.feedback)
    opened = sum(post[2] for batch in community.feedback for post in batch.posts)
    assert 0.05 < opened / len(seen) < 0.5


def test_nobody_tips_themselves_or_more_than_they_have() -> None:
    spent: Counter[int] = Counter()
    for tip in demo().tips:
        assert tip.sender != tip.recipient
        spent[tip.sender] += tip.amount_piastres
    assert max(spent.values()) <= TOP_UP_PIASTRES
    assert spent[VISITOR]
