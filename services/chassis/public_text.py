"""Text that anybody may read, however much it looks like a secret."""

from __future__ import annotations


class PublicText(str):
    """A signed statement, say, which has the form of a token: logged as it is, where others are redacted."""

    __slots__ = ()
