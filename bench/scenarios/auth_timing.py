"""Whether the time of an answer tells if a name has an account: two samples of each call that strangers may make."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from bench import auth_people
from bench.auth_alone import AuthAlone
from bench.results import Measurement, measured
from bench.two_samples import compare
from daira.auth.v1 import auth_service_pb2 as auth_pb
from daira.auth.v1 import auth_service_pb2_grpc, code_service_pb2_grpc
from daira.auth.v1 import code_service_pb2 as pb
from services.auth.adapters.argon2_hasher import HashingSettings

CALLS = 5_000
QUICK_CALLS = 40
WARM_UP = 200
SEED = 2024
# As cheap as settings allow: hashing is the same for both, and what it takes hides what is around it.
HASHING = HashingSettings(memory_kib=7_168, time_cost=1)
MANY = str(1_000_000)
SETTINGS = {
    "AUTH_HASHING_MEMORY_KIB": str(HASHING.memory_kib),
    "AUTH_HASHING_TIME_COST": str(HASHING.time_cost),
    "AUTH_CODES_BLOCK_HOUR": MANY,
    "AUTH_CODES_EVERYBODY_HOUR": MANY,
    "AUTH_CODES_EVERYBODY_DAY": MANY,
}
DEVICE = "device-of-the-bench-1"


@dataclass
class Sample:
    """Microseconds of calls: of names with an account, and of names without."""

    known: list[float]
    unknown: list[float]


def run(*, quick: bool = False) -> list[Measurement]:
    """One caller; each name once; known and unknown by turns, which of the two first being left to chance."""
    calls = QUICK_CALLS if quick else CALLS
    warm_up = QUICK_CALLS if quick else WARM_UP
    # Neighbours, so that they share blocks of numbers and pages of indexes: the even ones have accounts.
    phones = [f"+2010{number:08d}" for number in range(10_000, 10_000 + 2 * (calls + warm_up))]
    emails = [f"bench_{number:06d}@example.com" for number in range(2 * (calls + warm_up))]
    with AuthAlone.started(durable=False, settings=SETTINGS) as auth:
        auth_people.with_password(auth.database_url, emails[::2], HASHING)
        auth_people.with_phones(auth.database_url, phones[::2])
        with grpc.insecure_channel(auth.address) as channel:
            asking = Asking(channel)
            found = {
                "sign_in": _sample(asking.sign_in, emails, warm_up),
                "code_request": _sample(asking.request, phones, warm_up),
                "code_redeem": _sample(asking.redeem, phones, warm_up),
            }
    return [one for name, sample in found.items() for one in figures(f"auth.timing.{name}", sample)]


class Asking:
    """The calls. Each raises RuntimeError when it does not end as it must."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._auth: Any = auth_service_pb2_grpc.AuthServiceStub(channel)
        self._codes: Any = code_service_pb2_grpc.CodeServiceStub(channel)
        self._flows: dict[str, str] = {}

    def sign_in(self, email: str) -> None:
        """A wrong password."""
        identifier = auth_pb.Identifier(email=email)
        request = auth_pb.SignInRequest(identifier=identifier, password="كلمة سر ليست كلمتها")  # noqa: S106 - wrong
        _refused(lambda: self._auth.SignIn(request))

    def request(self, phone: str) -> None:
        """A code, for a device that nobody knows."""
        request = pb.SendCodeRequest(
            phone=phone, purpose=pb.CODE_PURPOSE_SIGN_IN, device_id=DEVICE, idempotency_key=phone[1:]
        )
        self._flows[phone] = self._codes.SendCode(request).flow_token

    def redeem(self, phone: str) -> None:
        """A wrong code; once in a million it is the right one."""
        request = pb.RedeemCodeRequest(flow_token=self._flows[phone], code="271828", device_id=DEVICE)
        _refused(lambda: self._codes.RedeemCode(request))


def _refused(call: Callable[[], object]) -> None:
    try:
        call()
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
            raise


def _sample(call: Callable[[str], None], names: Sequence[str], warm_up: int) -> Sample:
    order = random.Random(SEED)
    sample = Sample([], [])
    for pair in range(len(names) // 2):
        two = [(names[2 * pair], sample.known), (names[2 * pair + 1], sample.unknown)]
        order.shuffle(two)
        for name, taken in two:
            began = time.perf_counter_ns()
            call(name)
            taken.append((time.perf_counter_ns() - began) / 1000)
    return Sample(sample.known[warm_up:], sample.unknown[warm_up:])


def figures(name: str, sample: Sample) -> list[Measurement]:
    """Known beside unknown; the baseline is known beside known, the same test where there is nothing to find."""
    compared = compare(sample.known, sample.unknown)
    nothing = compare(sample.known[::2], sample.known[1::2])
    return [
        measured(f"{name}.rank_p", [compared.rank_p], nothing.rank_p),
        measured(f"{name}.ks_p", [compared.ks_p], nothing.ks_p),
        measured(f"{name}.cliffs_delta", [abs(compared.delta)], abs(nothing.delta)),
        measured(f"{name}.median_difference_us", [compared.median_difference], nothing.median_difference),
        measured(f"{name}.calls", [len(sample.known) + len(sample.unknown)]),
    ]
