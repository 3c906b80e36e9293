"""Random valid operations over the schema: aliases, fragments, conditions, variables, fields asked for twice."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from graphql import GraphQLField, GraphQLInterfaceType, GraphQLSchema, GraphQLUnionType, get_named_type, is_leaf_type

from gateway.cursors import Cursor
from gateway.opaque_ids import IdType, encode

USER: Final = encode(IdType.USER, 77)
POST: Final = encode(IdType.POST, 2**60 + 5)
CURSORS: Final = (Cursor("صفحة-2").encode(), Cursor("", 2, 41).encode(), Cursor("p2", 1, 2**60).encode(), "no cursor")
KEY: Final = 'idempotencyKey: "k"'
# Root fields with arguments that fit; `$first` and `$after` are of queries.
QUERIES: Final = {
    "homeFeed": "mode: MODE, first: FIRST, after: AFTER",
    "authorTimeline": f'authorId: "{USER}", first: FIRST, after: AFTER',
    "profile": f'id: "{USER}"',
    "post": f'id: "{POST}"',
    "wallet": "",
    "walletEntries": "first: FIRST, after: AFTER",
    "authorStats": "days: 7",
    "me": "",
    "node": f'id: "{POST}"',
}
MUTATIONS: Final = {
    "likePost": f'input: {{postId: "{POST}", {KEY}}}',
    "follow": f'input: {{userId: "{USER}", {KEY}}}',
    "block": f'input: {{userId: "{USER}", {KEY}}}',
    "setMutedWords": f'input: {{words: ["قهوة", "كرة قدم"], {KEY}}}',
    "repost": f'input: {{postId: "{POST}", {KEY}}}',
    "recordFeedback": f'input: {{items: [{{postId: "{POST}", opened: true}}, {{postId: "{POST}"}}], {KEY}}}',
    "createPost": f'input: {{body: "صباح الخير", {KEY}}}',
    "deletePost": f'input: {{postId: "{POST}", {KEY}}}',
    "signIn": 'input: {phone: "01001234567", password: "long enough"}',
    "topUp": f'input: {{amountPiastres: "500", {KEY}}}',
}
# What plans leave to resolvers; an operation without them has a plan.
NEED_RESOLVERS: Final = frozenset(
    {"Me.profile", "SignInPayload.profile", "Mutation.deletePost", "WalletEntry.counterparty", "Profile.followers",
     "Wallet.statement", "Wallet.balanceAt",
     "Profile.following", "Profile.posts", "Query.node", "Mutation.topUp", "Me.blocked", "Me.muted", "Me.mutedWords",
     "Me.sessions", "Me.securityHistory", "Me.devices", "Me.factors",
      "Me.followRequests", "Mutation.block", "Mutation.setMutedWords", "Mutation.recordFeedback"}
)  # fmt: skip
EXCERPTS: Final = frozenset({"author", "repostedBy"})
NOT_IN_EXCERPTS: Final = frozenset(
    {"bio", "followersCount", "followingCount", "postsCount", "viewerFollows", "isPrivate", "viewerRequested"}
)
VARIABLES: Final = {"$yes": "Boolean! = true", "$no": "Boolean!", "$first": "Int! = 4", "$after": "String"}
DEPTH_MAX: Final = 6
CONDITIONS_MAX: Final = 20


class RandomOperation:
    """One operation: the text, and variables that fit. With `any_field` it may hold what plans leave to resolvers."""

    def __init__(self, schema: GraphQLSchema, random: Random, *, any_field: bool) -> None:
        self._random = random
        self._any_field = any_field
        self._fragments: list[str] = []
        self._aliases = self._conditions = 0
        self.variables: dict[str, Any] = {"yes": True, "no": False, "first": random.choice([1, 3, 100, 101])}
        if self._happens(0.5):
            self.variables["after"] = random.choice(CURSORS)
        kind, root, calls = random.choice(
            [("query", schema.query_type, QUERIES)] * 3 + [("mutation", schema.mutation_type, MUTATIONS)]
        )
        names = random.sample(self._shown(root, list(calls), excerpt=False), random.choice([1, 1, 2]))
        body = " ".join(self._field(root, name, 0, calls[name]) for name in names)
        body += " __typename" if self._happens(0.1) else ""
        text = " ".join([body, *self._fragments])
        used = ", ".join(f"{name}: {kind}" for name, kind in VARIABLES.items() if name in text)
        self.text = f"{kind} Q{f'({used})' if used else ''} {{ {body} }} {' '.join(self._fragments)}"

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def _shown(self, parent: Any, names: list[str], *, excerpt: bool) -> list[str]:
        if self._any_field:
            return names
        found = [name for name in names if f"{parent.name}.{name}" not in NEED_RESOLVERS]
        return [name for name in found if name not in NOT_IN_EXCERPTS] if excerpt else found

    def _field(self, parent: Any, name: str, depth: int, arguments: str = "") -> str:
        field: GraphQLField = parent.fields[name]
        target: Any = get_named_type(field.type)
        head = name
        if self._happens(0.15) and self._aliases < 20:
            self._aliases += 1
            head = f"a{self._aliases}: {name}"
        if arguments:
            head += f"({self._filled(arguments)})"
        elif "first" in field.args:
            head += "(first: 1)"
        if is_leaf_type(target):
            return head + self._condition()
        # A field asked for twice under one key is one field with both selections.
        return " ".join(
            f"{head}{self._condition()} {{ {self._selection(target, depth + 1, excerpt=name in EXCERPTS)} }}"
            for _ in range(2 if self._happens(0.1) else 1)
        )

    def _selection(self, target: Any, depth: int, *, excerpt: bool) -> str:
        if isinstance(target, GraphQLUnionType):
            parts = (f"... on {each.name} {{ {self._selection(each, depth, excerpt=False)} }}" for each in target.types)
            return " ".join(parts)
        names = self._shown(target, list(target.fields), excerpt=excerpt)
        if depth >= DEPTH_MAX:
            names = [name for name in names if is_leaf_type(get_named_type(target.fields[name].type))] or names
        picked = self._random.sample(names, self._random.randint(1, min(len(names), 5)))
        # Most of the schema lies below these.
        picked += [name for name in ("edges", "node") if name in names and name not in picked]
        fields = [self._field(target, name, depth) for name in picked]
        fields += ["__typename"] if self._happens(0.15) else []
        return self._wrapped(target, " ".join(fields))

    def _wrapped(self, target: Any, text: str) -> str:
        shape = self._random.random()
        if shape < 0.08:
            return f"... on {target.name}{self._condition()} {{ {text} }} __typename"
        if shape < 0.16:
            name = f"F{len(self._fragments)}"
            self._fragments.append(f"fragment {name} on {target.name} {{ {text} }}")
            return f"...{name}{self._condition()} ...{name} __typename"
        is_node = not isinstance(target, GraphQLInterfaceType) and "Node" in {each.name for each in target.interfaces}
        return f"... on Node {{ id }} {text}" if is_node and self._happens(0.3) else text

    def _condition(self) -> str:
        if not self._happens(0.06) or self._conditions >= CONDITIONS_MAX:
            return ""
        self._conditions += 1
        name, value = self._random.choice(["include", "skip"]), self._random.choice(["true", "false", "$yes", "$no"])
        return f" @{name}(if: {value})"

    def _filled(self, arguments: str) -> str:
        after = ["$after", "null", *(f'"{cursor}"' for cursor in CURSORS)]
        return (
            arguments.replace("FIRST", self._random.choice(["$first", "2", "0", "100"]))
            .replace("AFTER", self._random.choice(after))
            .replace("MODE", self._random.choice(["RANKED", "LATEST"]))
        )
