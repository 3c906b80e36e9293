"""What this replica remembers beside the feature table, kept true by the same events in the same order."""

from __future__ import annotations

from daira.events.v1 import events_pb2
from services.social.adapters.muted_words import MutedWordsFilter
from services.social.adapters.post_hydrator import PostHydrator
from services.social.adapters.viewer_marks import ViewerMarks
from services.social.application.feed.followed_authors import FollowedAuthors
from services.social.application.feed.news import FeedNews


class ReplicaMemory:
    """Whom viewers follow, what they like, which words they mute, serialised posts, and who watches."""

    def __init__(
        self,
        followed: FollowedAuthors,
        marks: ViewerMarks,
        muted: MutedWordsFilter,
        hydrator: PostHydrator,
        news: FeedNews,
    ) -> None:
        self.followed = followed
        self._marks = marks
        self._muted = muted
        self._hydrator = hydrator
        self._news = news

    async def apply(self, event: events_pb2.Event) -> None:
        """Take in one event, after the feature table has."""
        subject, actor = event.aggregate_id, event.actor_id
        match event.WhichOneof("payload"):
            case "post_created":
                if event.post_created.original_id:
                    self._marks.reposted(actor, event.post_created.original_id, reposts=True)
                self._news.published(actor)
            case "post_deleted":
                if event.post_deleted.original_id:
                    self._marks.reposted(actor, event.post_deleted.original_id, reposts=False)
                self._hydrator.drop(subject)
                self._news.published(actor)
            case "post_liked":
                self._marks.liked(actor, subject, likes=True)
            case "post_unliked":
                self._marks.liked(actor, subject, likes=False)
            case "user_followed" | "user_unfollowed" | "user_muted" | "user_unmuted":
                self._relations_changed(actor)
            case "user_blocked" | "user_unblocked":
                self._relations_changed(actor)
                self._relations_changed(subject)
            case "author_fan_mode_changed":
                self.followed.forget_all()
            case "muted_words_changed":
                self._muted.forget(actor)
            case "profile_updated":
                await self._hydrator.forget_author(subject)
            case _:
                pass

    def _relations_changed(self, viewer_id: int) -> None:
        self.followed.forget(viewer_id)
        self._news.relations_changed(viewer_id)
