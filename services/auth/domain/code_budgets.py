"""How many codes may be sent: to a number, by whom, from a network, to a number's neighbours, and in all."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
# Swindlers earn by whole blocks of numbers: those that differ in their last four digits are counted together.
_BLOCK_DIGITS: Final = 4


class Scope(enum.Enum):
    """What a budget is of, in the order in which budgets are taken: the one that everybody shares comes last."""

    NUMBER = 1
    STRANGERS = 2
    NUMBER_FROM_NETWORK = 3
    NUMBER_FROM_DEVICE = 4
    NETWORK = 5
    BLOCK = 6
    NEW_NUMBERS = 7
    PROVED_NUMBERS = 8
    # Of no code: sign-ins by passkey that were begun, each a row to keep.
    PASSKEY_BEGINS = 9


@dataclass(frozen=True, slots=True)
class Charge:
    """One code counted against one budget: at most `allowed` in `window`, counted from the first."""

    scope: Scope
    subject: str = field(repr=False)
    window: timedelta
    allowed: int


@dataclass(frozen=True, slots=True)
class CodeBudgets:
    """Codes that may be sent, each at least 1.

    `everybody_hour` and `everybody_day`, each at least 2, bound what codes may cost, whatever happens. Of them
    `proved_percent`, 1 to 99, is for numbers whose owner has shown them to be theirs: swindlers who are paid by the
    message bring new ones, mostly neighbours, and spend the share of new numbers.

    Anybody can ask for codes to anybody's number. So one network and one device may take `number_source_hour` of a
    number's codes, and all strangers together leave `number_reserved_percent`, 0 to 99, of them to devices that have
    signed in to its account. A network that the account knows has no such privilege: who else is on it could see by
    it that there is an account.
    """

    number_minute: int = 1
    number_hour: int = 5
    number_day: int = 10
    number_source_hour: int = 3
    number_reserved_percent: int = 20
    network_hour: int = 60
    block_hour: int = 60
    everybody_hour: int = 5_000
    everybody_day: int = 50_000
    proved_percent: int = 50

    def charges(self, phone: str, device_id: str, network: str, *, is_familiar: bool) -> Sequence[Charge]:
        """What asking for a code to an E.164 phone or an e-mail address costs, from a device its account knows or not.

        An unknown network or device, "", costs nothing.
        They come in one order for all, so that those who take several never wait for each other in a circle.
        """
        wanted = [
            Charge(Scope.NUMBER, phone, _MINUTE, self.number_minute),
            Charge(Scope.NUMBER, phone, _HOUR, self.number_hour),
            Charge(Scope.NUMBER, phone, _DAY, self.number_day),
        ]
        if not is_familiar:
            wanted += [
                Charge(Scope.STRANGERS, phone, _HOUR, self._for_strangers(self.number_hour)),
                Charge(Scope.STRANGERS, phone, _DAY, self._for_strangers(self.number_day)),
            ]
            # Numbers, addresses, networks and ids of devices have no spaces.
            sources = ((Scope.NUMBER_FROM_NETWORK, network), (Scope.NUMBER_FROM_DEVICE, device_id))
            wanted += [
                Charge(scope, f"{phone} {source}", _HOUR, self.number_source_hour)
                for scope, source in sources
                if source
            ]
        if network:
            wanted.append(Charge(Scope.NETWORK, network, _HOUR, self.network_hour))
        return wanted

    def shares(self, phone: str, *, is_proved: bool) -> Sequence[Charge]:
        """What sending it costs. Whoever asks must not be able to tell which of the two shares it is."""
        if is_proved:
            return [
                Charge(Scope.PROVED_NUMBERS, "", _HOUR, self._proved(self.everybody_hour)),
                Charge(Scope.PROVED_NUMBERS, "", _DAY, self._proved(self.everybody_day)),
            ]
        # Addresses have no neighbours.
        is_number = "@" not in phone
        blocks = [Charge(Scope.BLOCK, phone[:-_BLOCK_DIGITS], _HOUR, self.block_hour)] if is_number else []
        return [
            *blocks,
            Charge(Scope.NEW_NUMBERS, "", _HOUR, self.everybody_hour - self._proved(self.everybody_hour)),
            Charge(Scope.NEW_NUMBERS, "", _DAY, self.everybody_day - self._proved(self.everybody_day)),
        ]

    def _for_strangers(self, allowed: int) -> int:
        """At least one: somebody must be able to enrol. At least one is left, where there are two."""
        if self.number_reserved_percent == 0:
            return allowed
        return max(1, allowed - max(1, allowed * self.number_reserved_percent // 100))

    def _proved(self, everybody: int) -> int:
        return min(everybody - 1, max(1, everybody * self.proved_percent // 100))

    @property
    def resend_after(self) -> timedelta:
        """How long after a code the same number may have another, if no other budget is used up."""
        return _MINUTE if self.number_minute == 1 else timedelta(0)
