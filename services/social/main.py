"""The social process, put together: stores, the feature table and what feeds it, use cases, RPCs."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, replace

from daira.common.v1 import access_pb2
from daira.events.v1 import event_log_service_pb2, event_log_service_pb2_grpc
from daira.privacy.v1 import personal_data_service_pb2, personal_data_service_pb2_grpc
from daira.social.v1 import (
    feature_service_pb2,
    feature_service_pb2_grpc,
    feed_service_pb2,
    graph_service_pb2,
    graph_service_pb2_grpc,
    post_service_pb2,
    post_service_pb2_grpc,
    profile_service_pb2,
    profile_service_pb2_grpc,
    safety_service_pb2,
    safety_service_pb2_grpc,
)
from services.auth_client import AUTH_APIS, AuthKeys, AuthRevocations
from services.chassis.access import AccessTable
from services.chassis.client import create_channel
from services.chassis.clock import Clock, SystemClock
from services.chassis.config import Env, SettingsError
from services.chassis.event_log import PostgresEventLog
from services.chassis.jwks import KeySet
from services.chassis.lifecycle import run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.page_token import PageTokens
from services.chassis.postgres import PostgresPool, create_pool
from services.chassis.redis_client import RedisClient, create_redis
from services.chassis.revocations import Revocations
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.chassis.tokens import TokenVerifier
from services.personal_data.servicer import PersonalDataServicer
from services.social.adapters.feature_tail import FeatureTail
from services.social.adapters.hot_traces import HotTraces
from services.social.adapters.native_ranker import fold_words
from services.social.adapters.postgres.erasures import PostgresErasures
from services.social.adapters.postgres.feedback import PostgresFeedback
from services.social.adapters.postgres.follow_requests import PostgresFollowRequests
from services.social.adapters.postgres.graph import PostgresGraph
from services.social.adapters.postgres.personal_data import social_data
from services.social.adapters.postgres.posts import PostgresPosts
from services.social.adapters.postgres.profiles import PostgresProfiles
from services.social.adapters.postgres.reports import PostgresReports
from services.social.adapters.postgres.reposts import PostgresReposts
from services.social.adapters.postgres.safety import PostgresSafety
from services.social.adapters.postgres.visibility import PostgresVisibility
from services.social.application.admit_followers import AdmitFollowers
from services.social.application.feed.author_timeline import AuthorTimeline
from services.social.application.pass_on import PassOnPosts
from services.social.application.profiles import ManageProfiles
from services.social.application.record_feedback import RecordFeedback
from services.social.application.safety import KeepSafe
from services.social.application.write_post import WritePosts
from services.social.config import SocialSettings, social_settings
from services.social.erasure_parts import consume_auth, keep_erasing
from services.social.feed_parts import compose_feed
from services.social.rpc.event_log_servicer import EventLogServicer
from services.social.rpc.feature_servicer import FeatureServicer
from services.social.rpc.feed_servicer import FeedServicer, add_feed_servicer
from services.social.rpc.graph_servicer import GraphServicer
from services.social.rpc.people_pages import PeoplePages
from services.social.rpc.post_servicer import PostServicer
from services.social.rpc.profile_servicer import ProfileServicer
from services.social.rpc.safety_servicer import SafetyServicer
from services.social.subscriber_parts import consume_payments


@dataclass(frozen=True, slots=True)
class Servicers:
    """What the process serves, and the tail that its feature table hangs on."""

    posts: PostServicer
    profiles: ProfileServicer
    graph: GraphServicer
    safety: SafetyServicer
    feeds: FeedServicer
    features: FeatureServicer
    log: EventLogServicer
    personal: PersonalDataServicer
    tail: FeatureTail


def main() -> int:
    """Run the service and return the exit code: 2 for wrong settings."""
    try:
        settings = social_settings(os.environ)
        env = Env(os.environ)
        server_settings = ServerSettings.from_env(env)
        env.finish()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - nothing is set up yet that could log
        return 2
    configure_logging("social", json=settings.worker.json_logs, level=settings.worker.log_level)
    return run_until_signalled(lambda stop: run(settings, server_settings, stop))


async def run(settings: SocialSettings, server_settings: ServerSettings, stop: asyncio.Event) -> None:
    """Serve until `stop`. AppError UNAVAILABLE when the database does not come up."""
    clock, metrics = SystemClock(), Metrics()
    pool = await create_pool(settings.worker.database_url, application_name="social", max_size=settings.pool_max)
    redis = create_redis(settings.worker.redis_url, timeout_s=0.5, client_name="social")
    log = event_log_service_pb2.DESCRIPTOR.services_by_name["EventLogService"]
    auth = create_channel(settings.auth_address, [*AUTH_APIS, log], tokens=settings.identity.tokens_for("auth", clock))
    payments = create_channel(settings.payments_address, [log], tokens=settings.identity.tokens_for("payments", clock))
    keys = KeySet(AuthKeys(auth), clock)
    revocations = Revocations(AuthRevocations(auth), clock, server_settings.revocations)
    revocations.expose(metrics)
    made = compose(settings, pool, redis, clock, metrics)
    # Streams of news wait rather than work: they have places of their own beside those of calls.
    places = server_settings.max_concurrent_rpcs + settings.watchers_max
    server_settings = replace(server_settings, max_concurrent_rpcs=places)
    erasures = PostgresErasures(pool, HotTraces(redis, clock))
    builder = build_server(settings, server_settings, made, keys, revocations, clock, metrics)
    if settings.worker.metrics_port:
        start_metrics_server(metrics, settings.worker.metrics_port)
    try:
        await supervised(
            stop,
            rpc=serve(builder, stop),
            features=made.tail.run(stop),
            revocations=revocations.run(stop),
            gone=consume_auth(erasures, auth, pool, redis, clock, metrics).run(stop),
            erasing=keep_erasing(erasures, stop),
            access=consume_payments(payments, pool, redis, clock, metrics).run(stop),
        )
    finally:
        await auth.close()
        await payments.close()
        await redis.aclose()
        await pool.close()


def compose(
    settings: SocialSettings, pool: PostgresPool, redis: RedisClient, clock: Clock, metrics: Metrics
) -> Servicers:
    """Adapters into use cases into servicers."""
    graph, profiles = PostgresGraph(pool, settings.follow_limit), PostgresProfiles(pool)
    posts = PostgresPosts(pool)
    feed = compose_feed(settings, pool, redis, posts, clock, metrics)
    people = ManageProfiles(profiles, graph, feed.inbox, feed.writes, clock)
    tokens = PageTokens(settings.page_key.reveal())
    pages = PeoplePages(people, tokens)
    requests = PostgresFollowRequests(pool)
    admit = AdmitFollowers(requests, feed.inbox, feed.writes)
    safety = PostgresSafety(pool)
    keep_safe = KeepSafe(safety, feed.inbox, feed.writes, fold_words)
    author = AuthorTimeline(feed.store, feed.ranker, PostgresVisibility(pool), feed.hydrator)
    return Servicers(
        posts=PostServicer(
            WritePosts(posts, PostgresReports(pool, settings.report_limit), feed.writes, feed.hydrator),
            PassOnPosts(PostgresReposts(pool), posts, feed.writes, feed.hydrator),
        ),
        profiles=ProfileServicer(people),
        graph=GraphServicer(people, admit, graph, requests, pages),
        safety=SafetyServicer(keep_safe, safety, pages),
        feeds=FeedServicer(feed.home, author, feed.news, RecordFeedback(PostgresFeedback(pool), feed.seen), tokens),
        features=FeatureServicer(feed.tail),
        log=EventLogServicer(PostgresEventLog(pool)),
        personal=PersonalDataServicer(social_data(pool)),
        tail=feed.tail,
    )


def build_server(
    settings: SocialSettings,
    server_settings: ServerSettings,
    made: Servicers,
    keys: KeySet,
    revocations: Revocations,
    clock: Clock,
    metrics: Metrics,
) -> ServerBuilder:
    """The server with every service, ready once keys, revocations and the feature table are there."""
    profiles = profile_service_pb2.DESCRIPTOR.services_by_name["ProfileService"]
    graph = graph_service_pb2.DESCRIPTOR.services_by_name["GraphService"]
    safety = safety_service_pb2.DESCRIPTOR.services_by_name["SafetyService"]
    posts = post_service_pb2.DESCRIPTOR.services_by_name["PostService"]
    feeds = feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"]
    features = feature_service_pb2.DESCRIPTOR.services_by_name["FeatureService"]
    log = event_log_service_pb2.DESCRIPTOR.services_by_name["EventLogService"]
    personal = personal_data_service_pb2.DESCRIPTOR.services_by_name["PersonalDataService"]
    return (
        ServerBuilder(
            "social",
            settings.listen,
            clock=clock,
            verifier=TokenVerifier(keys, settings.identity.verifier(), clock, revocations, stale_reads=True),
            access_table=AccessTable.from_descriptors(
                [profiles, graph, safety, posts, feeds, features, log, personal], access_pb2.access
            ),
            metrics=metrics,
            settings=server_settings,
        )
        .add(profile_service_pb2_grpc.add_ProfileServiceServicer_to_server, made.profiles, profiles)
        .add(graph_service_pb2_grpc.add_GraphServiceServicer_to_server, made.graph, graph)
        .add(safety_service_pb2_grpc.add_SafetyServiceServicer_to_server, made.safety, safety)
        .add(post_service_pb2_grpc.add_PostServiceServicer_to_server, made.posts, posts)
        .add(add_feed_servicer, made.feeds, feeds)
        .add(feature_service_pb2_grpc.add_FeatureServiceServicer_to_server, made.features, features)
        .add(event_log_service_pb2_grpc.add_EventLogServiceServicer_to_server, made.log, log)
        .add(personal_data_service_pb2_grpc.add_PersonalDataServiceServicer_to_server, made.personal, personal)
        .on_ready("keys", keys.load)
        .on_ready("revocations", revocations.load)
        .on_ready("features", made.tail.is_caught_up)
    )
