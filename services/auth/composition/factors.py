"""Passwords' rules and second factors put together."""

from __future__ import annotations

from pathlib import Path

from services.auth.adapters.breached_password_file import BreachedPasswordFile
from services.auth.adapters.guessed_passwords import GuessedPasswords
from services.auth.application.password_rules import PasswordRules
from services.auth.config import FactorSettings


def password_rules(settings: FactorSettings) -> PasswordRules:
    """The rules, with the operator's file if there is one; SettingsError when it cannot be read."""
    path = settings.breached_passwords_file
    return PasswordRules(GuessedPasswords(), BreachedPasswordFile(Path(path)) if path else None)
