"""Draws the demo community from one seed: who they are, whom they follow, what they post and do, whom they tip."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from itertools import accumulate

from dev.demo import phrases_arabic, phrases_english
from dev.demo.attention import draw_feedback, draw_reposts
from dev.demo.names import BIOS_ARABIC, BIOS_ENGLISH, FIRST_NAMES, LAST_NAMES
from dev.loader.community import Calendar, Community, Follow, IdMaker, Like, NewPost, Person
from services.chassis.ids import timestamp_ms

SEED = 2011
PEOPLE = 300
POSTS = 3_000
TIPS = 60
# The first person is the one to sign in as; the second is followed by most, above the fan-in threshold of `daira run`.
VISITOR = 0
STAR = 1
STAR_FOLLOWERS = 260
ARABIC_SHARE = 0.7
SLOT = re.compile(r"\{(\w+)\}")
LIKED_WITHIN_MS = 24 * 3_600_000


@dataclass(frozen=True)
class Tip:
    """A tip from one person to another, in piastres."""

    sender: int
    recipient: int
    amount_piastres: int
    post_id: int


@dataclass(frozen=True)
class Demo:
    """The community and its tips; tips name people by their index."""

    community: Community
    tips: list[Tip]


def draw_demo(calendar: Calendar) -> Demo:
    """The demo as of the calendar's moment; the same calendar gives the same demo."""
    ids = IdMaker()
    people = _people(calendar, ids)
    follows = _follows(people, calendar)
    posts = _posts(people, calendar, ids)
    likes = _likes(people, follows, posts, calendar)
    community = Community(
        people=people,
        follows=follows,
        posts=posts,
        likes=likes,
        reposts=draw_reposts(follows, posts, calendar, ids, SEED),
        feedback=draw_feedback(follows, posts, likes, calendar, SEED),
    )
    return Demo(community, _tips(people, posts))


def _people(calendar: Calendar, ids: IdMaker) -> list[Person]:
    drawn = random.Random(f"{SEED}:people")
    pairs = [(first, last) for first in FIRST_NAMES for last in LAST_NAMES]
    drawn.shuffle(pairs)
    moments = sorted(drawn.randrange(calendar.accounts_from_ms, calendar.follows_from_ms) for _ in range(PEOPLE))
    people: list[Person] = []
    for index, ((first, last), ms) in enumerate(zip(pairs, moments, strict=False)):
        arabic = drawn.random() < ARABIC_SHARE
        script = 0 if arabic else 1
        people.append(
            Person(
                user_id=ids.user_id(ms),
                phone=f"+2010{index + 1:08d}",
                handle=f"{first[1]}_{last[1]}".lower()[:30],
                display_name=f"{first[script]} {last[script]}",
                bio=drawn.choice(BIOS_ARABIC if arabic else BIOS_ENGLISH) if drawn.random() < 0.8 else "",
                created_ms=ms,
            )
        )
    return people


def _follows(people: list[Person], calendar: Calendar) -> list[Follow]:
    drawn = random.Random(f"{SEED}:follows")
    # Popularity falls with the index, so that a few are known by many and most by some.
    popularity = list(accumulate((index + 3) ** -0.7 for index in range(PEOPLE)))
    pairs: set[tuple[int, int]] = set()
    for follower in range(PEOPLE):
        wanted = 40 if follower == VISITOR else drawn.randrange(8, 45)
        pairs |= {(follower, other) for other in drawn.choices(range(PEOPLE), cum_weights=popularity, k=wanted)}
    everyone = [index for index in range(PEOPLE) if index != STAR]
    pairs |= {(follower, STAR) for follower in [VISITOR, *drawn.sample(everyone, STAR_FOLLOWERS)]}
    follows = [
        Follow(
            people[follower].user_id,
            people[followee].user_id,
            drawn.randrange(calendar.follows_from_ms, calendar.posts_from_ms),
        )
        for follower, followee in sorted(pairs)
        if follower != followee
    ]
    return sorted(follows, key=lambda follow: (follow.at_ms, follow))


def _posts(people: list[Person], calendar: Calendar, ids: IdMaker) -> list[NewPost]:
    drawn = random.Random(f"{SEED}:posts")
    activity = list(accumulate((index + 2) ** -0.6 for index in range(PEOPLE)))
    authors = drawn.choices(range(PEOPLE), cum_weights=activity, k=POSTS)
    moments = sorted(_moment(drawn, calendar) for _ in range(POSTS))
    said: set[str] = set()
    posts: list[NewPost] = []
    for author, ms in zip(authors, moments, strict=True):
        person = people[author]
        body = _sentence(drawn, arabic=not person.display_name.isascii() or drawn.random() < 0.2)
        for _ in range(20):
            if body not in said:
                break
            body = _sentence(drawn, arabic=not person.display_name.isascii())
        said.add(body)
        posts.append(NewPost(ids.post_id(ms, person.user_id), person.user_id, body))
    return posts


def _moment(drawn: random.Random, calendar: Calendar) -> int:
    # More of it lately: the square of an even draw lies nearer to now.
    back = drawn.random() ** 2
    return calendar.now_ms - 1 - int(back * (calendar.now_ms - calendar.posts_from_ms - 1))


def _sentence(drawn: random.Random, *, arabic: bool) -> str:
    source = phrases_arabic if arabic else phrases_english
    phrase = drawn.choice(source.PHRASES)
    filled = SLOT.sub(lambda slot: drawn.choice(source.WORDS[slot.group(1)]), phrase)
    # A slot may begin an English sentence with a small letter.
    return re.sub(r"(^|[.?!] )([a-z])", lambda found: found.group(1) + found.group(2).upper(), filled)


def _likes(people: list[Person], follows: list[Follow], posts: list[NewPost], calendar: Calendar) -> list[Like]:
    drawn = random.Random(f"{SEED}:likes")
    readers: dict[int, list[int]] = {person.user_id: [] for person in people}
    for follow in follows:
        readers[follow.followee_id].append(follow.follower_id)
    likes: list[Like] = []
    for post in posts:
        followers = readers[post.author_id]
        charm = drawn.random() ** 3 * 0.5
        posted_ms = timestamp_ms(post.post_id)
        latest_ms = min(posted_ms + LIKED_WITHIN_MS, calendar.now_ms)
        charmed = [reader for reader in followers if drawn.random() < charm]
        likes += [
            Like(reader, post.post_id, post.author_id, drawn.randrange(posted_ms, latest_ms + 1)) for reader in charmed
        ]
    return sorted(likes, key=lambda like: (like.at_ms, like))


def _tips(people: list[Person], posts: list[NewPost]) -> list[Tip]:
    drawn = random.Random(f"{SEED}:tips")
    star_posts = [post.post_id for post in posts if post.author_id == people[STAR].user_id]
    tips: list[Tip] = []
    for number in range(TIPS):
        sender = VISITOR if number < 3 else drawn.randrange(2, 40)
        to_star = number < 3 or drawn.random() < 0.5
        recipient = STAR if to_star else drawn.choice([index for index in range(2, 20) if index != sender])
        post_id = drawn.choice(star_posts) if to_star else 0
        tips.append(Tip(sender, recipient, drawn.choice((500, 1_000, 2_000, 2_500, 5_000, 10_000)), post_id))
    return tips
