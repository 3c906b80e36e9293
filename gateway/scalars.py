"""The scalars of the schema, and money and ranking terms as GraphQL shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from graphql import GraphQLError, GraphQLSchema, IntValueNode, StringValueNode, ValueNode

INT32_MAX: Final = 2**31 - 1
INT32_MIN: Final = -(2**31)
_INT64_MAX: Final = 2**63 - 1
_PIASTRES: Final = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_DATE_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_NO_MOMENT: Final = "A DateTime is a moment as RFC 3339, such as 2026-11-23T06:40:00.125Z or 2026-11-23T08:40:00+02:00."
_PER_POUND: Final = 100
_NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Money:
    """An amount; `amount` is in piastres (1/100 EGP)."""

    amount: int

    @property
    def piastres(self) -> str:
        """Decimal digits."""
        return str(self.amount)

    @property
    def egp(self) -> str:
        """Pounds with two decimals, such as `-1234.50`."""
        return self._pounds("")

    @property
    def formatted(self) -> str:
        """For people, such as `EGP 1,234.50`; the minus stands before the amount."""
        return f"EGP {self._pounds(',')}"

    def _pounds(self, group: str) -> str:
        pounds, piastres = divmod(abs(self.amount), _PER_POUND)
        sign = "-" if self.amount < 0 else ""
        return f"{sign}{pounds:{group}d}.{piastres:02d}"


@dataclass(frozen=True, slots=True)
class RankingTerm:
    """One term of a feed item's score."""

    value: float
    weight: float

    @property
    def contribution(self) -> float:
        """What the term adds to the score, cut to the digits that a product of the two decimals can have."""
        return round(self.value * self.weight, 11)


def date_time(timestamp: Timestamp) -> str:
    """RFC 3339 in UTC to the millisecond; ValueError outside the years 1 to 9999."""
    moment = datetime.fromtimestamp(timestamp.seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{timestamp.nanos // _NS_PER_MS:03d}Z"


def saturated(number: int) -> int:
    """A count within GraphQL's Int: past two milliards it stays there, which no reader notices."""
    return max(INT32_MIN, min(INT32_MAX, number))


def install(schema: GraphQLSchema) -> None:
    """Give the schema's own scalars their behaviour."""
    piastres: Any = schema.type_map["Piastres"]
    piastres.parse_value = piastres.coerce_input_value = _parse_piastres
    piastres.parse_literal = piastres.coerce_input_literal = _parse_piastres_literal
    moments: Any = schema.type_map["DateTime"]
    moments.parse_value = moments.coerce_input_value = _parse_date_time
    moments.parse_literal = moments.coerce_input_literal = _parse_date_time_literal


def _parse_date_time(value: Any) -> Timestamp:
    if not isinstance(value, str) or not _DATE_TIME.fullmatch(value):
        raise GraphQLError(_NO_MOMENT)
    moment = Timestamp()
    try:
        moment.FromDatetime(datetime.fromisoformat(value.upper()))
    except (ValueError, OverflowError):
        raise GraphQLError(_NO_MOMENT) from None
    return moment


def _parse_date_time_literal(node: ValueNode, _variables: Any = None) -> Timestamp:
    if isinstance(node, StringValueNode):
        return _parse_date_time(node.value)
    raise GraphQLError(_NO_MOMENT, node)


def _parse_piastres(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and _PIASTRES.fullmatch(value):
        number = int(value)
    else:
        raise GraphQLError("Piastres are a whole number, as a string of decimal digits or a number.")
    if abs(number) > _INT64_MAX:
        raise GraphQLError("Piastres are out of range.")
    return number


def _parse_piastres_literal(node: ValueNode, _variables: Any = None) -> int:
    if isinstance(node, IntValueNode):
        return _parse_piastres(node.value)
    if isinstance(node, StringValueNode):
        return _parse_piastres(node.value)
    raise GraphQLError("Piastres are a whole number, as a string of decimal digits or a number.", node)
