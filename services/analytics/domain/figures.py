"""An author's figures: what happened to them, as sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class AuthorFigures:
    """Sums over some time. Likes and followers are net, so a single day's may be below zero; tips are in piastres."""

    posts: int = 0
    likes: int = 0
    followers: int = 0
    tips: int = 0
    tips_piastres: int = 0

    def __add__(self, other: Self) -> AuthorFigures:
        return AuthorFigures(
            self.posts + other.posts,
            self.likes + other.likes,
            self.followers + other.followers,
            self.tips + other.tips,
            self.tips_piastres + other.tips_piastres,
        )
