"""What follows a write happens after it, and only when something was written."""

from __future__ import annotations

import pytest

from services.chassis.errors import AppError
from services.social.application.records import IdempotentCall
from services.social.application.write_post import WritePosts
from tests.fakes.social import FakePosts, Told

AUTHOR, READER = 1, 2
CALL = IdempotentCall("k", b"hash")


async def test_a_new_post_is_known_at_once_and_told_again_by_a_repeat_unless_it_is_gone() -> None:
    posts, told = FakePosts(), Told()
    write = WritePosts(posts, posts, told, told)
    first = await write.create(AUTHOR, "هل من مزيد؟", CALL)
    assert (first.language, first.kind) == ("ar", 3)
    assert await write.create(AUTHOR, "هل من مزيد؟", CALL) == first
    # The first call may have been broken off before it told anybody.
    assert told.said == [("created", first.post_id)] * 2
    await write.delete(AUTHOR, first.post_id)
    said = list(told.said)
    assert await write.create(AUTHOR, "هل من مزيد؟", CALL) == first
    assert told.said == said


async def test_a_bad_body_reaches_no_store() -> None:
    posts, told = FakePosts(), Told()
    for body in ("", " ", "x" * 1001, "\u202e"):
        with pytest.raises(AppError):
            await WritePosts(posts, posts, told, told).create(AUTHOR, body, CALL)
    assert (posts.posts, told.said) == ({}, [])


async def test_a_deleted_post_is_forgotten_everywhere() -> None:
    posts, told = FakePosts(), Told()
    write = WritePosts(posts, posts, told, told)
    post = await write.create(AUTHOR, "x", CALL)
    with pytest.raises(AppError):
        await write.delete(READER, post.post_id)
    assert told.said == [("created", post.post_id)]
    await write.delete(AUTHOR, post.post_id)
    assert told.said[1:] == [("deleted", post.post_id), ("cache", post.post_id)]


async def test_likes_answer_with_what_the_viewer_did() -> None:
    posts, told = FakePosts(), Told()
    write = WritePosts(posts, posts, told, told)
    post = await write.create(AUTHOR, "x", CALL)
    assert (await write.like(READER, post.post_id)).viewer_likes
    assert not (await write.read(AUTHOR, post.post_id)).viewer_likes
    assert not (await write.unlike(READER, post.post_id)).viewer_likes
    with pytest.raises(AppError):
        await write.read(READER, 404)
