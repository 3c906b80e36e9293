"""What registration, sign-in and FactorService need of factors alike."""

from __future__ import annotations

from pathlib import Path

from services.auth.adapters.breached_password_file import BreachedPasswordFile
from services.auth.adapters.factor_mint import FactorMint
from services.auth.adapters.guessed_passwords import GuessedPasswords
from services.auth.adapters.postgres.challenges import PostgresChallenges
from services.auth.adapters.webauthn_passkeys import WebauthnPasskeys
from services.auth.application.password_rules import PasswordRules
from services.auth.application.second_factors import SecondFactors
from services.auth.config import FactorSettings
from services.auth.domain.challenges import ChallengeRules
from services.chassis.clock import Clock
from services.chassis.postgres import PostgresPool


class FactorGround:
    """Challenges, passkeys and the rules of passwords; SettingsError for a file of leaked passwords that is none."""

    def __init__(self, settings: FactorSettings, key_encryption_key: bytes, pool: PostgresPool, clock: Clock) -> None:
        self.rules, self.mint = ChallengeRules(), FactorMint(key_encryption_key)
        self.challenges = PostgresChallenges(pool)
        self.passkeys = WebauthnPasskeys(settings.rp_id, settings.origins)
        self.second = SecondFactors(self.challenges, self.mint, self.passkeys, self.rules, clock)
        path = settings.breached_passwords_file
        self.password_rules = PasswordRules(GuessedPasswords(), BreachedPasswordFile(Path(path)) if path else None)
