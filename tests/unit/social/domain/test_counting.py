"""What a batch adds up to, and when an author crosses the fan-in border."""

from __future__ import annotations

import pytest

from services.social.domain.counting import Changes, PostChanges, fan_in_flip


def test_a_like_and_its_end_cancel() -> None:
    changes = Changes()
    changes.of_posts[9].likes += 1
    changes.of_posts[9].likes -= 1
    assert changes.of_posts == {9: PostChanges()}


def test_a_follow_counts_on_both_sides() -> None:
    changes = Changes()
    changes.follow(1, 2, 1)
    changes.follow(3, 2, 1)
    changes.follow(1, 2, -1)
    assert (changes.followers[2], changes.following[1], changes.following[3]) == (1, 0, 1)


@pytest.mark.parametrize(
    ("followers", "is_fan_in", "flip"),
    [
        (99, False, None), (100, False, True), (5000, False, True),
        (100, True, None), (90, True, None), (89, True, False), (0, True, False),
    ],
)  # fmt: skip
def test_the_border_has_two_sides(followers: int, is_fan_in: bool, flip: bool | None) -> None:  # noqa: FBT001
    assert fan_in_flip(followers, is_fan_in=is_fan_in, threshold=100) is flip
