"""Media types: what a request carries, and what its client accepts."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

GRAPHQL: Final = "application/graphql-response+json"
JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
_OFFERS: Final = (GRAPHQL, JSON)
_MEDIA_MAX: Final = 30
# Clients are many, and say what they take in few and short ways.
_REMEMBERED: Final = 256
_REMEMBERED_CHARS_MAX: Final = 256


def response_type(accept: str | None) -> str | None:
    """The media type to answer with: application/json unless the newer one is asked for; None if neither will do."""
    if accept is None or not accept.strip():
        return JSON
    return _chosen(accept) if len(accept) <= _REMEMBERED_CHARS_MAX else _chosen.__wrapped__(accept)


@lru_cache(_REMEMBERED)
def _chosen(accept: str) -> str | None:
    best: tuple[float, int, str] | None = None
    for place, part in enumerate(accept.split(",")[:_MEDIA_MAX]):
        media, quality = _weighed(part)
        matched = JSON if media in {"*/*", "application/*"} else media
        if matched in _OFFERS and quality > 0 and (best is None or quality > best[0]):
            best = (quality, place, matched)
    return None if best is None else best[2]


def is_utf8_json(content_type: str | None) -> bool:
    """Whether a request's content type is application/json, in UTF-8 if it says in what."""
    # As most clients say it.
    if content_type == JSON:
        return True
    if content_type is None:
        return False
    media, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [
        value.strip(' "') for name, _, value in (each.partition("=") for each in parameters) if name == "charset"
    ]
    return media == JSON and all(charset in {"utf-8", "utf8"} for charset in charsets)


def wants_events(accept: str | None) -> bool:
    """Whether a client asks for responses as server-sent events."""
    return accept is not None and EVENTS in accept.lower()


def accepts_html(accept: str | None) -> bool:
    """Whether a browser asks for a page."""
    return accept is None or "text/html" in accept.lower() or "*/*" in accept


def _weighed(part: str) -> tuple[str, float]:
    media, *parameters = (each.strip().lower() for each in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
        elif name.strip() == "charset" and value.strip(' "') not in {"utf-8", "utf8"}:
            quality = 0.0
    return media, quality
