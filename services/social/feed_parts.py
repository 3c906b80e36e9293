"""The feed, put together: sources, ranking, hydration, news, and what keeps their memories true. Part of main.py."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.clock import Clock
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool
from services.chassis.redis_client import RedisBreaker, RedisClient
from services.social.adapters.feature_feed import FeatureFeed
from services.social.adapters.feature_tail import FeatureTail
from services.social.adapters.feed_metrics import FeedMetrics
from services.social.adapters.inbox_reader import InboxReader
from services.social.adapters.muted_words import MutedWordsFilter
from services.social.adapters.native_ranker import NativeRanker, hide_muted
from services.social.adapters.own_writes import OwnWrites
from services.social.adapters.post_cache import PostCache
from services.social.adapters.post_hydrator import PostHydrator
from services.social.adapters.postgres.feed_queries import PostgresFeedStore
from services.social.adapters.postgres.post_views import PostgresPostViews
from services.social.adapters.postgres.posts import PostgresPosts
from services.social.adapters.postgres.subscriber_access import PostgresSubscriberAccess
from services.social.adapters.redis_seen import RedisSeen
from services.social.adapters.replica_memory import ReplicaMemory
from services.social.adapters.viewer_marks import ViewerMarks
from services.social.application.feed.followed_authors import FollowedAuthors
from services.social.application.feed.home_feed import HomeFeed
from services.social.application.feed.news import FeedNews
from services.social.application.feed.select_posts import SelectPosts
from services.social.application.feed.sources import GatherSources
from services.social.config import SocialSettings


@dataclass(frozen=True, slots=True)
class FeedParts:
    """What the servicers and the process need of the feed."""

    home: HomeFeed
    news: FeedNews
    store: PostgresFeedStore
    ranker: NativeRanker
    hydrator: PostHydrator
    inbox: InboxReader
    writes: OwnWrites
    seen: RedisSeen
    tail: FeatureTail


def compose_feed(
    settings: SocialSettings,
    pool: PostgresPool,
    redis: RedisClient,
    posts: PostgresPosts,
    clock: Clock,
    metrics: Metrics,
) -> FeedParts:
    """Adapters into stages into the feed."""
    breaker = RedisBreaker(clock)
    feed_metrics = FeedMetrics(metrics)
    store, views = PostgresFeedStore(pool), PostgresPostViews(pool)
    ranker = NativeRanker(
        freshness_half_life_s=settings.freshness_half_life_s, max_posts=settings.max_hot_posts, metrics=feed_metrics
    )
    followed, marks = FollowedAuthors(store, clock), ViewerMarks(views)
    muted = MutedWordsFilter(pool, clock, hide_muted)
    cache = PostCache(redis, breaker, posts, clock, max_bytes=settings.post_cache_bytes)
    hydrator = PostHydrator(cache, views, marks, ranker, PostgresSubscriberAccess(pool))
    table = FeatureFeed(ranker, pool)
    writes = OwnWrites(ranker, followed, marks, muted, redis, breaker)
    inbox = InboxReader(redis, breaker, store, ranker, table, writes)
    seen = RedisSeen(redis, breaker, pool)
    gather = GatherSources(inbox, followed, seen, store, table)
    select = SelectPosts(gather, ranker, store)
    news = FeedNews(gather, store, ranker, clock, watchers_max=settings.watchers_max)
    memory = ReplicaMemory(followed, marks, muted, hydrator, news)
    table.tell(memory)
    return FeedParts(
        home=HomeFeed(gather, select, hydrator, muted, clock, feed_metrics),
        news=news,
        store=store,
        ranker=ranker,
        hydrator=hydrator,
        inbox=inbox,
        writes=writes,
        seen=seen,
        tail=FeatureTail(table, memory, pool, redis, clock, metrics),
    )
