"""Settings are read at once, and every mistake is told at once."""

from __future__ import annotations

import pytest

from services.chassis.config import Env, Secret, SettingsError

GOOD = {
    "NAME": "social",
    "PORT": "50051",
    "TIMEOUT": "1.5",
    "DEBUG": "yes",
    "URL": "postgresql://u:hunter2@h:5432/db",
    "KEY": "k" * 32,
    "MODE": "json",
}


def read(mapping: dict[str, str]) -> tuple[Env, list[object]]:
    env = Env(mapping)
    values: list[object] = [
        env.text("NAME"),
        env.integer("PORT", None, 1, 65535),
        env.seconds("TIMEOUT", None, 0.1, 10),
        env.flag("DEBUG", default=False),
        env.url("URL", ("postgresql",)),
        env.secret("KEY").reveal(),
        env.choice("MODE", ("json", "console")),
    ]
    return env, values


def test_good_settings() -> None:
    env, values = read(GOOD)
    env.finish()
    assert values == ["social", 50051, 1.5, True, GOOD["URL"], b"k" * 32, "json"]


def test_every_missing_name_is_told() -> None:
    env, _ = read({})
    with pytest.raises(SettingsError) as caught:
        env.finish()
    for name in ("NAME", "PORT", "TIMEOUT", "URL", "KEY", "MODE"):
        assert any(problem.startswith(f"{name} is missing: expected ") for problem in caught.value.problems)
        assert name in str(caught.value)
    assert len(caught.value.problems) == 6


def test_every_wrong_value_is_told_with_what_was_expected() -> None:
    env, _ = read(
        {
            "NAME": "n" * 5000,
            "PORT": "70000",
            "TIMEOUT": "nan",
            "DEBUG": "maybe",
            "URL": "mysql://u:hunter2@h/db",
            "KEY": "hunter2",
            "MODE": "xml",
        }
    )
    with pytest.raises(SettingsError) as caught:
        env.finish()
    text = str(caught.value)
    assert len(caught.value.problems) == 7
    assert "PORT is wrong: expected a whole number from 1 to 65535" in text
    assert "postgresql://" in text
    assert "hunter2" not in text


def test_defaults() -> None:
    env = Env({})
    assert env.text("A", "a") == "a"
    assert env.text("B", "") == ""
    assert env.integer("C", 5, 1, 9) == 5
    assert env.seconds("D", 0.5, 0, 1) == 0.5
    assert env.flag("E", default=True)
    assert env.url("F", ("redis",), "redis://x") == "redis://x"
    assert env.choice("G", ("x", "y"), "y") == "y"
    env.finish()


@pytest.mark.parametrize("value", ["", "   "])
def test_blank_is_missing(value: str) -> None:
    env = Env({"A": value})
    env.text("A")
    with pytest.raises(SettingsError, match="A is missing"):
        env.finish()


def test_a_url_with_a_bad_port_is_a_problem_not_a_crash() -> None:
    env = Env({"A": "redis://h:port/0"})
    env.url("A", ("redis",))
    with pytest.raises(SettingsError, match="A is wrong"):
        env.finish()


def test_secrets_do_not_show() -> None:
    secret = Secret(b"hunter2")
    assert "hunter2" not in f"{secret!r} {secret} {[secret]}"
