"""A random community living by the write path, and whole scrolls through its feeds."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from daira.social.v1 import feed_service_pb2 as pb
from tests.e2e.history import recorded_events
from tests.integration.social.person import Person
from tests.integration.social.server import Social, until
from tests.oracles import feed as oracle

MODES: dict[str, pb.FeedMode.ValueType] = {"ranked": pb.FEED_MODE_RANKED, "latest": pb.FEED_MODE_LATEST}
WORDS = ("صباح الخير", "رأيكم ايه؟", "https://example.com/a", "good morning", "مين معايا في القاهرة؟", "قهوة")


@dataclass
class Scroll:
    """All pages of one feed."""

    pages: list[pb.GetHomeFeedResponse] = field(default_factory=list)

    @property
    def ids(self) -> list[int]:
        return [item.post.post_id for page in self.pages for item in page.items]

    @property
    def items(self) -> list[pb.FeedItem]:
        return [item for page in self.pages for item in page.items]

    @property
    def ranked_at_ms(self) -> int:
        (moment,) = {page.ranked_at.ToMilliseconds() for page in self.pages}
        return moment

    @property
    def is_degraded(self) -> bool:
        return any(page.degraded for page in self.pages)


async def page(person: Person, mode: str, *, size: int = 7, token: str = "") -> pb.GetHomeFeedResponse:
    """One page of a person's home feed."""
    request = pb.GetHomeFeedRequest(mode=MODES[mode], page_size=size, page_token=token)
    answer: pb.GetHomeFeedResponse = await person.social.stubs.feeds.GetHomeFeed(request, metadata=person.metadata)
    return answer


async def scroll(person: Person, mode: str, *, size: int = 7) -> Scroll:
    """The whole feed, page after page."""
    whole, token = Scroll(), ""
    while not whole.pages or token:
        assert len(whole.pages) < 500, "the scroll does not end"
        whole.pages.append(await page(person, mode, size=size, token=token))
        token = whole.pages[-1].next_page_token
    return whole


async def caught_up(social: Social) -> None:
    """Wait until workers and the feature table have everything that was written, and what that made them write."""
    table = social.made.tail._feed
    before = -1
    while True:
        end = await social.settled()

        async def is_there(end: int = end) -> bool:
            return table._position >= end

        await until(is_there)
        if end == before:
            return
        before = end


async def history(social: Social) -> oracle.State:
    """The state that the events of the log add up to."""
    return oracle.replay(await recorded_events(social.settings.worker.database_url))


@dataclass
class Community:
    """People who do things at random."""

    social: Social
    chance: random.Random
    people: list[Person] = field(default_factory=list)
    posts: list[tuple[int, Person]] = field(default_factory=list)

    async def settle_in(self, size: int) -> None:
        self.people = list(await asyncio.gather(*(Person.signs_up(self.social) for _ in range(size))))

    async def live(self, steps: int, *, at_once: int = 8) -> None:
        """Random acts, several at once; the first few people are followed the most."""
        for start in range(0, steps, at_once):
            await asyncio.gather(*(self._act() for _ in range(min(at_once, steps - start))))

    async def _act(self) -> None:
        person, other = self.chance.choice(self.people), self._popular()
        kind = self.chance.choices(
            ("post", "follow", "unfollow", "like", "unlike", "report", "delete", "read", "repost", "undo"),
            (30, 25, 6, 25, 5, 4, 4, 10, 10, 3),
        )[0]
        if kind == "post":
            post = await other.posts(f"{self.chance.choice(WORDS)} {self.chance.random()}")
            self.posts.append((post.post_id, other))
        elif kind == "read":
            await page(person, self.chance.choice(list(MODES)))
        elif kind == "follow" and person is not other:
            await person.follows(other)
        elif kind == "unfollow" and person is not other:
            await person.unfollows(other)
        elif self.posts and kind == "delete":
            post_id, author = self.posts.pop(self.chance.randrange(len(self.posts)))
            await author.deletes(post_id)
        elif self.posts:
            await self._react(kind, person)

    async def _react(self, kind: str, person: Person) -> None:
        # Not the newest few, which somebody else may be deleting at this moment.
        post_id, author = self.chance.choice(self.posts)
        try:
            if kind == "like":
                await person.likes(post_id)
            elif kind == "unlike":
                await person.unlikes(post_id)
            elif kind == "repost":
                await person.reposts(post_id)
            elif kind == "undo":
                await person.undoes_repost(post_id)
            elif kind == "report" and author is not person:
                await person.reports(post_id)
        except Exception as error:
            if "no such post" not in str(error):
                raise

    def _popular(self) -> Person:
        return self.people[min(int(self.chance.expovariate(0.25)), len(self.people) - 1)]
