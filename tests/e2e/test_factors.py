"""Second factors through the gateway, as an app uses them: added, asked for, answered, removed."""

from __future__ import annotations

import time
from typing import Any

import pyotp
import pytest

from dev.scratch_platform import GraphQLError, ScratchPlatform
from tests.e2e.people import Person
from tests.fakes.software_authenticator import SoftwareAuthenticator

PASSWORD = "كلمة سر طويلة"
DEVICE = "device-of-the-test-1"
SIGN_IN = """mutation($input: SignInInput!) { signIn(input: $input) {
  userId tokens { accessToken } challenge { challengeToken factors passkeyOptionsJson } } }"""
ANSWER = """mutation($input: AnswerChallengeInput!) { answerChallenge(input: $input) {
  userId tokens { accessToken } recoveryCodesLeft } }"""
STEP_UP = "mutation($input: FinishStepUpInput!) { finishStepUp(input: $input) { accessToken level } }"
FACTORS = "{ me { factors { hasPassword totp { id } passkeys { id name } recoveryCodesLeft recommended } } }"


def refused(person: Person, query: str, **variables: Any) -> list[str]:
    """The reasons of a refusal."""
    with pytest.raises(GraphQLError) as caught:
        person.asks(query, **variables)
    return caught.value.codes


def signs_in(platform: ScratchPlatform, person: Person) -> dict[str, Any]:
    who = {"email": f"{person.handle}@example.com", "password": PASSWORD, "deviceId": DEVICE}
    signed_in: dict[str, Any] = platform.graphql(SIGN_IN, {"input": who})["signIn"]
    return signed_in


def code(secret: str, away: int) -> str:
    return str(pyotp.TOTP(secret).generate_otp(int(time.time()) // 30 + away))


def test_an_app_and_a_passkey_from_first_to_last(empty_platform: ScratchPlatform) -> None:
    person = Person.signs_up(empty_platform, "mona")
    assert person.asks(FACTORS)["me"]["factors"]["recommended"] == ["PASSKEY", "TOTP"]
    secret = person.asks("mutation { beginTotp { uri secret expiresAt } }")["beginTotp"]["secret"]
    # The one of before, for that of now and that of next are still to be used.
    confirmed = person.asks(
        "mutation($code: String!) { confirmTotp(input: {code: $code}) { factorId } }", code=code(secret, -1)
    )
    factor_id = confirmed["confirmTotp"]["factorId"]

    assert refused(person, "mutation { createRecoveryCodes { codes } }") == ["UNAUTHENTICATED"]
    stepped = person.asks("mutation { beginStepUp { challenge { challengeToken factors } } }")["beginStepUp"]
    assert stepped["challenge"]["factors"] == ["TOTP"]
    answer = {"challengeToken": stepped["challenge"]["challengeToken"], "totpCode": code(secret, 0)}
    strong = person.asks(STEP_UP, input=answer)["finishStepUp"]
    assert strong["level"] == 2
    person.token = strong["accessToken"]
    codes = person.asks("mutation { createRecoveryCodes { codes } }")["createRecoveryCodes"]["codes"]
    assert len(codes) == 10

    signed_in = signs_in(empty_platform, person)
    assert (signed_in["userId"], signed_in["tokens"]) == (None, None)
    challenge = signed_in["challenge"]
    assert (challenge["factors"], challenge["passkeyOptionsJson"]) == (["TOTP", "RECOVERY_CODE"], None)
    answer = {"challengeToken": challenge["challengeToken"], "recoveryCode": codes[0].lower(), "deviceId": DEVICE}
    answered = empty_platform.graphql(ANSWER, {"input": answer})["answerChallenge"]
    assert (answered["userId"], answered["recoveryCodesLeft"]) == (person.user_id, 9)

    phone = SoftwareAuthenticator()
    begun = person.asks("mutation { beginPasskey { ceremonyToken optionsJson } }")["beginPasskey"]
    made = {"ceremonyToken": begun["ceremonyToken"], "credentialJson": phone.create(begun["optionsJson"])}
    person.asks(
        "mutation($input: FinishPasskeyInput!) { finishPasskey(input: $input) { passkey { id name } } }",
        input={**made, "name": "هاتف منى"},
    )
    begun = empty_platform.graphql("mutation { beginPasskeySignIn(input: {}) { ceremonyToken optionsJson } }", {})[
        "beginPasskeySignIn"
    ]
    proved = {"ceremonyToken": begun["ceremonyToken"], "credentialJson": phone.get(begun["optionsJson"])}
    passkey = empty_platform.graphql(
        "mutation($input: FinishPasskeySignInInput!) { finishPasskeySignIn(input: $input)"
        " { userId tokens { accessToken } } }",
        {"input": proved},
    )["finishPasskeySignIn"]
    assert passkey["userId"] == person.user_id
    person.token = passkey["tokens"]["accessToken"]
    assert person.asks(FACTORS)["me"]["factors"]["recommended"] == []
    passkey_id = person.asks(FACTORS)["me"]["factors"]["passkeys"][0]["id"]
    rename = 'mutation($id: ID!) { renamePasskey(input: {factorId: $id, name: "مفتاحي"}) { renamed } }'
    assert person.asks(rename, id=passkey_id)["renamePasskey"]["renamed"]
    remove = "mutation($id: ID!) { removeFactor(input: {factorId: $id}) { removed } }"
    assert person.asks(remove, id=factor_id)["removeFactor"]["removed"]
    challenge = signs_in(empty_platform, person)["challenge"]
    assert challenge["factors"] == ["PASSKEY", "RECOVERY_CODE"]
    assertion = phone.get(challenge["passkeyOptionsJson"])
    answer = {"challengeToken": challenge["challengeToken"], "passkeyAssertion": assertion, "deviceId": DEVICE}
    assert empty_platform.graphql(ANSWER, {"input": answer})["answerChallenge"]["userId"] == person.user_id


def test_a_password_that_others_guess_is_refused_in_plain_words(empty_platform: ScratchPlatform) -> None:
    person = Person.signs_up(empty_platform, "omar")
    change = """mutation($new: String!) { changePassword(input: {currentPassword: "كلمة سر طويلة", newPassword: $new}) {
      sessionsEnded } }"""
    with pytest.raises(GraphQLError, match="everybody tries first"):
        person.asks(change, new="Password١٢٣")
    person.asks(change, new="كلمة سر أطول بكثير")
