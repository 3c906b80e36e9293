"""What `daira run` says when everything is up: where to look, how to sign in, a first query."""

from __future__ import annotations

import json
from dataclasses import dataclass

from dev.endpoints import Endpoints

SIGN_IN = (
    "mutation($phone: String!, $password: String!) "
    "{ signIn(input: {phone: $phone, password: $password}) { tokens { accessToken } } }"
)
FIRST_QUERY = "{ homeFeed(first: 5) { edges { node { post { body author { displayName } likesCount } } } } }"


@dataclass(frozen=True)
class DemoSignIn:
    """The demo account a person may sign in with."""

    phone: str
    password: str
    people: int
    posts: int


def banner(endpoints: Endpoints, sign_in: DemoSignIn | None, seconds: float, *, colours: bool) -> str:
    """Several lines of text for the terminal."""

    def strong(text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if colours else text

    url = f"{endpoints.gateway_url}/graphql"
    lines = [
        "",
        strong(f"DAIRA is up after {seconds:.1f} s"),
        "",
        f"  GraphiQL     {strong(endpoints.gateway_url + '/graphiql')}",
    ]
    if sign_in:
        variables = {"phone": sign_in.phone, "password": sign_in.password}
        body = json.dumps({"query": SIGN_IN, "variables": variables}, ensure_ascii=False)
        lines += [
            f"  Demo         {sign_in.people} people, {sign_in.posts} posts",
            f"  Sign in      phone {strong(sign_in.phone)}  password {strong(sign_in.password)}",
            "",
            "  A first query, in a second terminal:",
            f"    TOKEN=$(curl -s {url} -H 'content-type: application/json' \\",
            f"      -d '{body}' | grep -o 'eyJ[^\"]*' | head -1)",
            f"    curl -s {url} -H 'content-type: application/json' -H \"authorization: Bearer $TOKEN\" \\",
            f"      -d '{json.dumps({'query': FIRST_QUERY})}'",
        ]
    lines += ["", f"  Codes        none is sent to a phone: {strong('daira codes --follow')} shows them"]
    lines += ["", "  Ctrl-C drains everything and leaves no process; the data stays.", ""]
    return "\n".join(lines)
