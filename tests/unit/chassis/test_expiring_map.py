"""What is remembered ends in order, and a bound drops the oldest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.chassis.expiring_map import ExpiringMap


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=40), st.integers(1, 6))
def test_it_holds_what_a_plain_map_would_that_is_swept_whole(steps: list[tuple[int, int]], most: int) -> None:
    found: ExpiringMap[int, int] = ExpiringMap()
    plain: dict[int, tuple[int, float]] = {}
    now = 0.0
    for key, pause in steps:
        now += pause
        found.forget(now, most)
        plain = {one: entry for one, entry in plain.items() if entry[1] > now}
        plain = dict(sorted(plain.items(), key=lambda item: item[1][1])[-most:])
        assert {one: found.get(one) for one in range(6) if one in found} == {
            one: value for one, (value, _) in plain.items()
        }
        assert len(found) == len(plain)
        found.put(key, int(now), now + 5)
        plain.pop(key, None)
        plain[key] = (int(now), now + 5)


def test_putting_again_lasts_anew() -> None:
    found: ExpiringMap[str, int] = ExpiringMap()
    found.put("a", 1, 10)
    found.put("b", 2, 10)
    found.put("a", 3, 20)
    found.forget(15)
    assert (found.get("a"), found.get("b"), len(found)) == (3, None, 1)
    found.clear()
    assert "a" not in found
