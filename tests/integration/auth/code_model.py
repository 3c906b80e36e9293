"""One-time codes as they must be: flows, tries, budgets and messages in plain Python, for a machine to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
LIFE_MS, TRIES, REPEATS, GRACE_MS = 300_000, 5, 5, 10_000
# How long a message whose fate is unknown waits: the provider's five seconds and two more.
LEASE_MS = 7_000
NUMBER_MINUTE, NUMBER_HOUR, NUMBER_DAY = 1, 5, 10
# Of a number's codes strangers have four of five and eight of ten, one network and one device of theirs three an hour.
STRANGERS_HOUR, STRANGERS_DAY, SOURCE_HOUR = 4, 8, 3
NETWORK_HOUR, BLOCK_HOUR = 9, 6
# One half of everybody's is for proved numbers.
SHARE_HOUR, SHARE_DAY = 8, 12
SETTINGS: Final = {
    "AUTH_CODES_NETWORK_HOUR": str(NETWORK_HOUR),
    "AUTH_CODES_BLOCK_HOUR": str(BLOCK_HOUR),
    "AUTH_CODES_EVERYBODY_HOUR": str(2 * SHARE_HOUR),
    "AUTH_CODES_EVERYBODY_DAY": str(2 * SHARE_DAY),
}


@dataclass(frozen=True)
class Limit:
    """A budget: whose, how long its window is, and how many it allows."""

    of: str
    window_ms: int
    allowed: int


@dataclass
class Window:
    """What is used of a budget until its window ends."""

    used: int
    ends_at_ms: int


@dataclass
class Message:
    """What the outbox holds for a flow; `taken` once the provider has put it on its way."""

    next_send_ms: int
    sends: int = 0
    taken: bool = False
    is_done: bool = False


@dataclass
class Flow:
    """A flow; `message` is None where it was withheld, `code` "" while nobody could have read it."""

    number: str
    device: str
    token: str
    made_at_ms: int
    message: Message | None
    code: str = ""
    tries: int = 0
    repeats: int = 0
    redeemed_at_ms: int | None = None
    redeemed_for: tuple[int, str] = (0, "")

    @property
    def ends_at_ms(self) -> int:
        return self.made_at_ms + LIFE_MS


@dataclass
class CodeModel:
    """All that is known: budgets, flows by idempotency key, numbers that were proved, devices that numbers know."""

    windows: dict[tuple[str, int], Window] = field(default_factory=dict)
    flows: dict[tuple[str, str, str], Flow] = field(default_factory=dict)
    proved: set[str] = field(default_factory=set)
    devices: set[tuple[str, str]] = field(default_factory=set)
    sessions: int = 0

    def spent_for_ms(self, number: str, device: str, network: str, now_ms: int) -> int:
        """How long this request must wait, 0 if it may be made."""
        return self._wait_ms(self._limits(number, device, network), now_ms)

    def open(self, number: str, device: str, key: str, network: str, token: str, now_ms: int) -> Flow:
        """A new flow, charged; its message is withheld where only the number's share is spent."""
        self._charge(self._limits(number, device, network), now_ms)
        shares = self._shares(number)
        is_sent = self._wait_ms(shares, now_ms) == 0
        if is_sent:
            self._charge(shares, now_ms)
        flow = Flow(number, device, token, now_ms, Message(now_ms) if is_sent else None)
        self.flows[number, device, key] = flow
        return flow

    def redeem(self, flow: Flow, device: str, code: str, now_ms: int) -> str:
        """What a redemption ends with: NEW, AGAIN, CODE_INVALID or CODE_EXPIRED; counted as such."""
        if device != flow.device:
            return "CODE_EXPIRED"
        is_right = code == flow.code != ""
        if flow.redeemed_at_ms is None:
            if now_ms >= flow.ends_at_ms or flow.tries >= TRIES:
                return "CODE_EXPIRED"
            flow.tries += 1
            if not is_right:
                return "CODE_INVALID"
            flow.redeemed_at_ms, self.sessions = now_ms, self.sessions + 1
            self.proved.add(flow.number)
            if device:
                self.devices.add((flow.number, device))
            return "NEW"
        if now_ms > flow.redeemed_at_ms + GRACE_MS or flow.repeats >= REPEATS:
            return "CODE_EXPIRED"
        flow.repeats += 1
        return "AGAIN" if is_right else "CODE_EXPIRED"

    def due(self, now_ms: int) -> list[tuple[Flow, Message]]:
        """What senders find to send."""
        return [(flow, message) for flow, message in self.waiting() if message.next_send_ms <= now_ms]

    def waiting(self) -> list[tuple[Flow, Message]]:
        """What lies in the outbox."""
        both = ((flow, flow.message) for flow in self.flows.values())
        return [(flow, message) for flow, message in both if message is not None and not message.is_done]

    def used(self, now_ms: int) -> dict[tuple[int, int], int]:
        """How many windows that are open have which length and so much used."""
        counts: dict[tuple[int, int], int] = {}
        for (_, window_ms), window in self.windows.items():
            if window.ends_at_ms > now_ms:
                each = (window_ms // 1000, window.used)
                counts[each] = counts.get(each, 0) + 1
        return counts

    def _limits(self, number: str, device: str, network: str) -> Sequence[Limit]:
        limits = [
            Limit(number, MINUTE_MS, NUMBER_MINUTE),
            Limit(number, HOUR_MS, NUMBER_HOUR),
            Limit(number, DAY_MS, NUMBER_DAY),
        ]
        if (number, device) not in self.devices:
            strangers = f"strangers to {number}"
            limits += [Limit(strangers, HOUR_MS, STRANGERS_HOUR), Limit(strangers, DAY_MS, STRANGERS_DAY)]
            limits += [Limit(f"{number} from {one}", HOUR_MS, SOURCE_HOUR) for one in (network, device) if one]
        return [*limits, Limit(network, HOUR_MS, NETWORK_HOUR)] if network else limits

    def _shares(self, number: str) -> Sequence[Limit]:
        if number in self.proved:
            return [Limit("proved", HOUR_MS, SHARE_HOUR), Limit("proved", DAY_MS, SHARE_DAY)]
        block = Limit(f"block {number[:-4]}", HOUR_MS, BLOCK_HOUR)
        return [block, Limit("new", HOUR_MS, SHARE_HOUR), Limit("new", DAY_MS, SHARE_DAY)]

    def _wait_ms(self, limits: Sequence[Limit], now_ms: int) -> int:
        waits = [0]
        for limit in limits:
            window = self.windows.get((limit.of, limit.window_ms))
            if window is not None and window.ends_at_ms > now_ms and window.used >= limit.allowed:
                waits.append(window.ends_at_ms - now_ms)
        return max(waits)

    def _charge(self, limits: Sequence[Limit], now_ms: int) -> None:
        for limit in limits:
            key = (limit.of, limit.window_ms)
            window = self.windows.get(key)
            if window is None or window.ends_at_ms <= now_ms:
                window = self.windows[key] = Window(0, now_ms + limit.window_ms)
            window.used += 1
