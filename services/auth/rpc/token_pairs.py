"""Tokens and times as the contract has them."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from daira.auth.v1 import auth_service_pb2 as pb
from services.auth.application.ports import TokenPair


def encode_pair(pair: TokenPair) -> pb.TokenPair:
    """The message of a pair."""
    return pb.TokenPair(
        access_token=pair.access_token,
        access_expires_at=encode_time(pair.access_expires_at),
        refresh_token=pair.refresh_token,
        refresh_expires_at=encode_time(pair.refresh_expires_at),
    )


def encode_time(moment: datetime) -> Timestamp:
    """The message of a moment in UTC."""
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
