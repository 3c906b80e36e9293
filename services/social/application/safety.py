"""Blocking and muting people, and the words that hide posts. Each takes effect on the next read, on any replica."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from services.chassis.errors import invalid
from services.chassis.text import clean_text
from services.social.application.ports import Inboxes, LocalFeatures, Safety

MUTED_WORDS_MAX: Final = 100
WORD_CHARS_MAX: Final = 50


class KeepSafe:
    """What a person does not want to see. `fold` makes of a phrase what is compared; empty without any word in it."""

    def __init__(self, safety: Safety, inboxes: Inboxes, features: LocalFeatures, fold: Callable[[str], str]) -> None:
        self._safety = safety
        self._inboxes = inboxes
        self._features = features
        self._fold = fold

    async def block(self, blocker_id: int, blocked_id: int) -> None:
        """Neither sees or follows the other any more. AppError SELF_NOT_ALLOWED, PROFILE_NOT_FOUND."""
        _somebody_else(blocker_id, blocked_id)
        is_new = await self._safety.block(blocker_id, blocked_id)
        # A repeat may be of a call that was broken off right after its commit, and told nobody.
        await self._features.relation_changed(blocker_id, blocked_id, blocks=True)
        if is_new:
            for viewer_id in (blocker_id, blocked_id):
                await self._features.follows_changed(viewer_id)
            await self._inboxes.invalidate([blocker_id, blocked_id])

    async def unblock(self, blocker_id: int, blocked_id: int) -> None:
        """They may see and follow each other again; follows do not come back. AppError as `block`."""
        _somebody_else(blocker_id, blocked_id)
        await self._safety.unblock(blocker_id, blocked_id)
        await self._features.relation_changed(blocker_id, blocked_id, blocks=False)

    async def mute(self, muter_id: int, muted_id: int) -> None:
        """The caller's feed has nothing of the person. AppError SELF_NOT_ALLOWED, PROFILE_NOT_FOUND."""
        _somebody_else(muter_id, muted_id)
        await self._safety.mute(muter_id, muted_id)
        await self._features.relation_changed(muter_id, muted_id, mutes=True)

    async def unmute(self, muter_id: int, muted_id: int) -> None:
        """The caller's feed has the person's posts again. AppError as `mute`."""
        _somebody_else(muter_id, muted_id)
        await self._safety.unmute(muter_id, muted_id)
        await self._features.relation_changed(muter_id, muted_id, mutes=False)

    async def set_muted_words(self, user_id: int, words: Sequence[str]) -> list[str]:
        """The words as they are kept: cleaned, each once however it is spelt. AppError FIELD_INVALID."""
        if len(words) > MUTED_WORDS_MAX:
            raise invalid("words", f"must be at most {MUTED_WORDS_MAX}")
        kept: dict[str, str] = {}
        for number, word in enumerate(words):
            field = f"words[{number}]"
            text = clean_text(word, field, 1, WORD_CHARS_MAX)
            folded = self._fold(text)
            if not folded:
                raise invalid(field, "must have a letter or a digit")
            kept.setdefault(folded, text)
        await self._safety.set_muted_words(user_id, list(kept.values()))
        await self._features.muted_words_changed(user_id)
        return list(kept.values())

    async def muted_words(self, user_id: int) -> list[str]:
        """The words in the order they were given."""
        return await self._safety.muted_words(user_id)


def _somebody_else(actor_id: int, other_id: int) -> None:
    if actor_id == other_id:
        raise invalid("user_id", "is your own", reason="SELF_NOT_ALLOWED")
