"""The figures to reach: their names in results.json, units, and the bound of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
    "feed.grpc.warm.p50_ms": Target("ms", "lower", 50),
    "feed.grpc.warm.p95_ms": Target("ms", "lower", 100),
    "feed.grpc.warm.p99_ms": Target("ms", "lower", 10),
    "feed.grpc.warm.rps": Target("/s", "higher"),
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
    "feed.cold.p50_ms": Target("ms", "lower"),
    "feed.cold.p99_ms": Target("ms", "lower", 20),
    "post.create.p50_ms": Target("ms", "lower", 5),
    "post.create.p99_ms": Target("ms", "lower", 30),
    "post.create.rps": Target("/s", "higher", 400),
    "post.create.failures": Target("calls", "lower", 0),
    "post.visible.p99_ms": Target("ms", "lower", 1000),
    "post.visible.idle_ms": Target("ms", "lower", 50),
    "post.visible.idle_p99_ms": Target("ms", "lower"),
    "inbox.bytes_per_entry": Target("B", "lower", 11, "ZSET"),
    "inbox.zset_bytes_per_entry": Target("B", "lower", None),
    "hot_post.bytes": Target("B", "lower", 128),
    "tips.hot_fee.rps": Target("/s", "higher", 3000, "eight-statement transaction"),
    "tips.hot_fee.p99_ms": Target("ms", "lower", 50),
    "tips.hot_fee.vs_eight_statements_ratio": Target("×", "higher"),
    "tips.one_creator_vs_uniform_ratio": Target("×", "higher", 0.8),
    "auth.verify.rps_per_core": Target("/s", "higher", None, "PyJWT"),
    "auth.verify.vs_pyjwt_ratio": Target("×", "higher"),
    "auth.verify.remembered_rps_per_core": Target("/s", "higher"),
    "auth.sign_in.rps": Target("/s", "higher", None, "the hashing limit"),
    "auth.sign_in.failures": Target("calls", "lower", 0),
    "auth.verify.p99_ratio_under_10x_sign_ins": Target("×", "lower", 1.2),
}
