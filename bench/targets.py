"""The figures to reach: their names in results.json, units, and the bound of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bench.processor_time import SPENDERS

# Numbers of clients that figures are taken for; the feed is called warm with so many of them.
FEED_CLIENTS = (1, 2, 4, 8, 16, 32, 64)
WARM_CLIENTS = 4
SQL_CLIENTS = (1, 4)
# Of social's own measurements: the last five are of the extension's one call.
FEED_STAGES = ("sources", "select", "hydrate", "merge", "filter", "features", "score", "diversify")
TIP_CLIENTS = (1, 4, 16, 64)
CREATE_CLIENTS = (1, 2, 4, 8, 16, 32)
AUTH_CLIENTS = (1, 2, 4, 8, 16)
# Passwords that come, as a multiple of what can be hashed.
LAG_LOADS = {"idle": 0, "full": 1, "flood": 10}
TIMED = ("sign_in", "code_request", "code_redeem")
SIZE_CLIENTS = (1, 4)
SIZES = ("small", "whole", "large")
SQL = "a page in order of time by one SQL query"


@dataclass(frozen=True)
class Target:
    """A bound on one figure: at most or at least `bound`; None where the figure is reported without a bound."""

    unit: str
    better: Literal["lower", "higher"]
    bound: float | None = None
    beside: str = ""

    def met_by(self, value: float) -> bool | None:
        """Whether the value is within the bound; None without a bound."""
        if self.bound is None:
            return None
        return value <= self.bound if self.better == "lower" else value >= self.bound

    def __str__(self) -> str:
        if self.bound is None:
            return ""
        return f"{'≤' if self.better == 'lower' else '≥'} {self.bound:g} {self.unit}"


def _latencies(name: str, *, p99_ms: float | None = None, beside: str = "") -> Iterator[tuple[str, Target]]:
    """Names of what every load gives: percentiles, rate and failures."""
    for percent in (50, 95, 99):
        yield f"{name}.p{percent}_ms", Target("ms", "lower", p99_ms if percent == 99 else None, beside)
    yield f"{name}.rps", Target("/s", "higher", None, beside)
    yield f"{name}.failures", Target("calls", "lower", 0)


def _loop(name: str, *, p99_ms: float | None = None, beside: str = "") -> Iterator[tuple[str, Target]]:
    """The same, and processor time a call of each process."""
    yield from _latencies(name, p99_ms=p99_ms, beside=beside)
    for spender in SPENDERS:
        yield f"{name}.cpu.{spender}_ms", Target("ms", "lower")


def _lag(load: str) -> Iterator[tuple[str, Target]]:
    """Names of what a load of passwords does to auth's event loop, and of what becomes of them."""
    for figure in ("p50_ms", "p99_ms", "max_ms"):
        yield f"auth.loop_lag.{load}.{figure}", Target("ms", "lower")
    if LAG_LOADS[load]:
        yield f"auth.loop_lag.{load}.asked_rps", Target("/s", "higher")
        yield f"auth.loop_lag.{load}.signed_in_rps", Target("/s", "higher")
        yield f"auth.loop_lag.{load}.refused_percent", Target("%", "lower")
        yield f"auth.loop_lag.{load}.refused_p99_ms", Target("ms", "lower")
        for figure in ("refused_without_time", "failures"):
            yield f"auth.loop_lag.{load}.{figure}", Target("calls", "lower", 0)


def _timing(call: str) -> Iterator[tuple[str, Target]]:
    """Names of a test of two samples. A chance of less than one in a hundred is taken for a difference."""
    for figure in ("rank_p", "ks_p"):
        yield f"auth.timing.{call}.{figure}", Target("", "higher", 0.01, "known beside known")
    yield f"auth.timing.{call}.cliffs_delta", Target("", "lower", None, "known beside known")
    yield f"auth.timing.{call}.median_difference_us", Target("µs", "lower", None, "known beside known")
    yield f"auth.timing.{call}.calls", Target("calls", "higher")


def _size(name: str) -> Iterator[tuple[str, Target]]:
    """Names of what is measured of a graph of one size."""
    units = {"people": "people", "follows": "follows", "posts": "posts", "merged_percent": "%", "fill_s": "s"}
    units |= {"cold.p50_ms": "ms", "cold.p99_ms": "ms", "restart.ready_s": "s", "restart.p99_ms": "ms", "rank_ms": "ms"}
    units |= {"social_mib": "MiB", "table_mib": "MiB", "table_bytes_per_post": "B"}
    for figure, unit in (units | {"redis_mib": "MiB"}).items():
        yield f"{name}.{figure}", Target(unit, "lower")
    for clients in SIZE_CLIENTS:
        yield from _loop(f"{name}.grpc.clients.{clients}")


TARGETS: dict[str, Target] = {
    "rank.2200.p50_ms": Target("ms", "lower", None, "NumPy"),
    "rank.2200.p99_ms": Target("ms", "lower", 1.0),
    "rank.2200.cpu_p99_ms": Target("ms", "lower"),
    "rank.2200.vs_oracle_ratio": Target("×", "higher", 50, "plain-Python oracle"),
    "rank.2200.vs_numpy_ratio": Target("×", "higher", 5, "vectorised NumPy"),
    "rank.2200.vs_memory_copy_ratio": Target("×", "lower", None, "copying 64 B a candidate"),
    "features.500.p50_us": Target("µs", "lower", 100, "redis-py MGET of 500 records"),
    "features.500.mget_ratio": Target("×", "higher", None, "redis-py MGET of 500 records"),
    "fanout.1000.p50_ms": Target("ms", "lower", 2.0, "pipelined ZADD"),
    "fanout.1000.zadd_ratio": Target("×", "higher", None, "pipelined ZADD"),
    "feed.grpc.warm.p50_ms": Target("ms", "lower", 50, SQL),
    "feed.grpc.warm.p95_ms": Target("ms", "lower", 100, SQL),
    "feed.grpc.warm.p99_ms": Target("ms", "lower", 10, SQL),
    "feed.grpc.warm.rps": Target("/s", "higher", None, SQL),
    "feed.grpc.warm.failures": Target("calls", "lower", 0),
    "feed.gateway.warm.p50_ms": Target("ms", "lower", 40),
    "feed.gateway.warm.p95_ms": Target("ms", "lower", 80),
    "feed.gateway.warm.p99_ms": Target("ms", "lower", 20),
    # Twice the fastest peer: a warm, unranked GoToSocial feed at 1,652/s, measured elsewhere on two cores.
    "feed.gateway.warm.rps": Target("/s", "higher", 3304),
    "feed.gateway.warm.failures": Target("calls", "lower", 0),
    "plan.50.render_us": Target("µs", "lower", 40, "json_format"),
    "plan.50.run_us": Target("µs", "lower", None, "graphql-core"),
    "plan.50.vs_graphql_core_ratio": Target("×", "higher", 50),
    "plan.50.vs_json_format_ratio": Target("×", "higher"),
    "plan.50.make_us": Target("µs", "lower"),
    "gateway.cpu_ms_per_feed": Target("ms", "lower", 0.5),
    **dict(_loop("feed.grpc.open", p99_ms=10)),
    "feed.grpc.open.asked_rps": Target("/s", "higher"),
    **dict(_loop("feed.gateway.open", p99_ms=20)),
    "feed.gateway.open.asked_rps": Target("/s", "higher"),
    **{
        name: target
        for way in ("grpc", "gateway")
        for clients in FEED_CLIENTS
        for name, target in _loop(f"feed.{way}.clients.{clients}", beside=SQL if way == "grpc" else "")
    },
    **dict(_latencies("feed.grpc.latest", beside=SQL)),
    **{name: target for clients in SQL_CLIENTS for name, target in _loop(f"feed.sql_latest.clients.{clients}")},
    **{f"feed.stage.{stage}_ms": Target("ms", "lower") for stage in FEED_STAGES},
    **{f"idle.cpu.{spender}_percent": Target("%", "lower") for spender in SPENDERS},
    "feed.readers.follows": Target("people", "higher"),
    "feed.readers.merged_percent": Target("%", "higher"),
    "feed.cold.p50_ms": Target("ms", "lower"),
    "feed.cold.p99_ms": Target("ms", "lower", 20),
    "feed.restart.ready_s": Target("s", "lower"),
    "feed.restart.p50_ms": Target("ms", "lower"),
    "feed.restart.p99_ms": Target("ms", "lower"),
    "post.create.p50_ms": Target("ms", "lower", 5),
    "post.create.p99_ms": Target("ms", "lower", 30),
    "post.create.rps": Target("/s", "higher", 400),
    "post.create.failures": Target("calls", "lower", 0),
    **{name: target for clients in CREATE_CLIENTS for name, target in _loop(f"post.create.clients.{clients}")},
    "post.visible.p99_ms": Target("ms", "lower", 1000),
    "post.visible.idle_ms": Target("ms", "lower", 50),
    "post.visible.idle_p99_ms": Target("ms", "lower"),
    "inbox.bytes_per_entry": Target("B", "lower", 11, "ZSET"),
    "inbox.zset_bytes_per_entry": Target("B", "lower", None),
    "hot_post.bytes": Target("B", "lower", 128),
    "saga.takeover_s": Target("s", "lower", 15),
    **{name: target for clients in TIP_CLIENTS for name, target in _latencies(f"tips.clients.{clients}")},
    "tips.hot_fee.rps": Target("/s", "higher", 3000, "eight-statement transaction"),
    "tips.hot_fee.p99_ms": Target("ms", "lower", 50),
    "tips.hot_fee.vs_eight_statements_ratio": Target("×", "higher"),
    "tips.one_creator_vs_uniform_ratio": Target("×", "higher", 0.8),
    "auth.verify.rps_per_core": Target("/s", "higher", None, "PyJWT"),
    "auth.verify.vs_pyjwt_ratio": Target("×", "higher"),
    "auth.verify.remembered_rps_per_core": Target("/s", "higher", None, "PyJWT, which remembers none"),
    "auth.sign_in.rps": Target("/s", "higher", None, "the hashing limit"),
    "auth.sign_in.failures": Target("calls", "lower", 0),
    "auth.verify.p99_ratio_under_10x_sign_ins": Target("×", "lower", 1.2),
    "auth.verify.in_auth_p99_ratio_under_10x_sign_ins": Target("×", "lower", 1.2),
    "auth.verify.p99_ratio_on_shared_cores": Target("×", "lower"),
    "auth.verify.in_auth_p99_ratio_on_shared_cores": Target("×", "lower"),
    "auth.storm.refused_rps": Target("/s", "higher"),
    "auth.storm.refused_p99_ms": Target("ms", "lower"),
    **{
        name: target
        for count in AUTH_CLIENTS
        for load, beside in (("sign_in", "the hashing limit"), ("refresh", "reads of the own account"))
        for name, target in _latencies(f"auth.{load}.clients.{count}", beside=beside)
    },
    **{name: target for load in LAG_LOADS for name, target in _lag(load)},
    **{name: target for call in TIMED for name, target in _timing(call)},
    "sizes.social_bytes_per_person": Target("B", "lower"),
    "sizes.table_bytes_per_person": Target("B", "lower"),
    **{name: target for size in SIZES for name, target in _size(f"sizes.{size}")},
}
