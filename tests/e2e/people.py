"""People of the end-to-end tests: they sign up or in, and do things through GraphQL as an app would."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass, field
from typing import Any

from dev.scratch_platform import ScratchPlatform

SIGN_UP = (
    "mutation($input: SignUpInput!)"
    " { signUp(input: $input) { userId profile { handle } tokens { accessToken refreshToken } } }"
)
SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { userId tokens { accessToken refreshToken } } }"
REFRESH = "mutation($t: String!) { refreshTokens(input: {refreshToken: $t}) { tokens { accessToken refreshToken } } }"
CREATE_POST = "mutation($input: CreatePostInput!) { createPost(input: $input) { post { id body } } }"
FEED = """
query($mode: FeedMode!, $first: Int!, $after: String) {
  homeFeed(mode: $mode, first: $first, after: $after) {
    edges { node { post { id body author { handle } } whyShown { source score } } }
    pageInfo { hasNextPage endCursor }
    degraded
    rankedAt
  }
}
"""
_numbers = itertools.count(1)


@dataclass
class Person:
    """Somebody with an access token."""

    platform: ScratchPlatform
    user_id: str
    token: str
    handle: str = ""
    refresh_token: str = ""
    keys: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def signs_up(cls, platform: ScratchPlatform, name: str) -> Person:
        """A new person with a profile."""
        handle = f"{name}_{secrets.token_hex(4)}"
        fields = {"email": f"{handle}@example.com", "password": "كلمة سر طويلة", "handle": handle}
        variables = {"input": {**fields, "displayName": name, "idempotencyKey": secrets.token_hex(8)}}
        answer = platform.graphql(SIGN_UP, variables)["signUp"]
        tokens = answer["tokens"]
        return cls(
            platform, answer["userId"], tokens["accessToken"], answer["profile"]["handle"], tokens["refreshToken"]
        )

    @classmethod
    def signs_in(cls, platform: ScratchPlatform, phone: str, password: str) -> Person:
        """A person who has an account."""
        answer = platform.graphql(SIGN_IN, {"input": {"phone": phone, "password": password}})["signIn"]
        return cls(platform, answer["userId"], answer["tokens"]["accessToken"])

    def renews(self) -> None:
        """Takes a new access token, which lives for ten minutes."""
        tokens = self.platform.graphql(REFRESH, {"t": self.refresh_token})["refreshTokens"]["tokens"]
        self.token, self.refresh_token = tokens["accessToken"], tokens["refreshToken"]

    def asks(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of one request."""
        return self.platform.graphql(query, variables, self.token)

    def does(self, mutation: str, selection: str, *, key: str | None = None, **fields: Any) -> dict[str, Any]:
        """The payload of one mutation with an input object and an idempotency key."""
        fields["idempotencyKey"] = key or f"{self.user_id}-{next(self.keys)}"
        payload: dict[str, Any] = self.asks(self.mutation(mutation, selection), input=fields)[mutation]
        return payload

    @staticmethod
    def mutation(name: str, selection: str) -> str:
        """The document of a mutation with an input object."""
        return f"mutation($input: {name[0].upper() + name[1:]}Input!) {{ {name}(input: $input) {{ {selection} }} }}"

    def posts(self, body: str, key: str | None = None) -> str:
        """Publishes a post and returns its opaque id."""
        return str(self.does("createPost", "post { id }", key=key, body=body)["post"]["id"])

    def feed(self, mode: str = "LATEST", *, page: int = 50, pages: int = 1000) -> list[dict[str, Any]]:
        """The items of the home feed, page after page; at most `pages`."""
        return [edge["node"] for answer in self.feed_pages(mode, page=page, pages=pages) for edge in answer["edges"]]

    def feed_pages(self, mode: str, *, page: int, pages: int) -> list[dict[str, Any]]:
        """The pages themselves, with rankedAt and degraded."""
        answers: list[dict[str, Any]] = []
        after = None
        while len(answers) < pages:
            answer = self.asks(FEED, mode=mode, first=page, after=after)["homeFeed"]
            answers.append(answer)
            if not answer["pageInfo"]["hasNextPage"]:
                break
            after = answer["pageInfo"]["endCursor"]
        return answers
