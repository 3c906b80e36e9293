"""Records into messages of daira.social.v1."""

from __future__ import annotations

from typing import Final

from daira.social.v1 import post_pb2, profile_pb2
from services.chassis.ids import timestamp_ms
from services.social.application.records import Post, Profile

_FOR_SUBSCRIBERS: Final = b"\x38\x01"


def profile_message(profile: Profile) -> profile_pb2.Profile:
    """A profile with its counts."""
    message = profile_pb2.Profile(
        user_id=profile.user_id,
        handle=profile.handle,
        display_name=profile.display_name,
        bio=profile.bio,
        followers_count=profile.followers,
        following_count=profile.following,
        posts_count=profile.posts,
        viewer_follows=profile.viewer_follows,
        is_private=profile.is_private,
        viewer_requested=profile.viewer_requested,
    )
    message.created_at.FromDatetime(profile.created_at)
    return message


def post_message(post: Post) -> post_pb2.Post:
    """A post with its author's name, its counts and the viewer's own marks."""
    message = cacheable_post(post)
    message.likes_count = post.likes
    message.reposts_count = post.reposts
    message.viewer_likes = post.viewer_likes
    message.viewer_reposted = post.viewer_reposted
    return locked(message) if post.is_locked else message


def cacheable_post(post: Post) -> post_pb2.Post:
    """The part that is the same for every viewer and changes with the profile only: fields 1 to 7."""
    message = post_pb2.Post(
        post_id=post.post_id,
        author=profile_pb2.Profile(user_id=post.author_id, handle=post.handle, display_name=post.display_name),
        body=post.body,
        language=post.language,
        kind=post_pb2.PostKind.ValueType(post.kind),
        subscribers_only=post.subscribers_only,
    )
    message.author.created_at.FromDatetime(post.author_since)
    message.created_at.FromMilliseconds(timestamp_ms(post.post_id))
    return message


def is_for_subscribers(cached: bytes) -> bool:
    """Whether a cached part is of a post for subscribers: field 7 is its last, and no other part ends so.

    What comes before is a moment, whose last varint can end with no byte that is followed by another field.
    """
    return cached.endswith(_FOR_SUBSCRIBERS)


def locked(message: post_pb2.Post) -> post_pb2.Post:
    """The post without what is in it."""
    message.ClearField("body")
    message.ClearField("language")
    message.is_locked = True
    return message


def view_of_post(likes: int, reposts: int, viewer_likes: bool, viewer_reposted: bool) -> bytes:  # noqa: FBT001 - the fields of the message
    """Fields 10, 11, 20 and 21 of a serialised post, to put behind its cached part."""
    view = b"\x50" + varint(likes) if likes else b""
    if reposts:
        view += b"\x58" + varint(reposts)
    if viewer_likes:
        view += b"\xa0\x01\x01"
    return view + b"\xa8\x01\x01" if viewer_reposted else view


def varint(number: int) -> bytes:
    """A number of at least 0 as protobuf writes it."""
    if number < 0x80:
        return bytes((number,))
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def field(number: int, value: bytes) -> bytes:
    """A length-delimited field below number 16."""
    return bytes((number << 3 | 2,)) + varint(len(value)) + value
