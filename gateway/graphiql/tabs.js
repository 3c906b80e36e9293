// The tabs that GraphiQL opens with: comments say how to sign in, and each query runs as it is.
"use strict";

const FIRST_STEPS = `# DAIRA · دايرة
#
# 1. Sign in: run the mutation of the next tab (or sign up in the third).
# 2. Copy accessToken into the Headers editor below the query, of each tab that needs it:
#      { "authorization": "Bearer <accessToken>" }
# 3. Run this query: your home feed, ranked, and why each post stands where it stands.
#
# Ctrl-Enter runs; Ctrl-Space completes; the book icon on the left opens the schema.

query HomeFeed($first: Int! = 10, $after: String) {
  homeFeed(mode: RANKED, first: $first, after: $after) {
    degraded
    rankedAt
    edges {
      node {
        post {
          id
          body
          createdAt
          likesCount
          viewerLikes
          author { handle displayName }
        }
        whyShown {
          source
          score
          affinity { value weight contribution }
          quality { value weight contribution }
          freshness { value weight contribution }
          diversity { value weight contribution }
          negative { value weight contribution }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`;

const SIGN_IN = `# The demo community's sign-in is printed by "make run". Change the variables below, run, and copy accessToken.

mutation SignIn($phone: String!, $password: String!) {
  signIn(input: { phone: $phone, password: $password }) {
    tokens { accessToken accessExpiresAt refreshToken }
    profile { id handle displayName }
  }
}
`;

const SIGN_UP = `# A new account with its profile. The same request with the same key makes no second one.

mutation SignUp($input: SignUpInput!) {
  signUp(input: $input) {
    userId
    tokens { accessToken accessExpiresAt refreshToken }
    profile { id handle displayName }
  }
}
`;

const ME_AND_MONEY = `# Needs the authorization header.

query Me {
  me { id maskedPhone profile { handle displayName followersCount followingCount postsCount } }
  wallet { balance { piastres formatted } }
  walletEntries(first: 10) {
    edges { node { kind postedAt amount { formatted } balanceAfter { formatted } counterparty { handle } } }
  }
  authorStats(days: 7) {
    total { posts likes followers tips tipsReceived { formatted } }
    days { day figures { posts likes followers tips } }
  }
}

mutation Post {
  createPost(input: { body: "مساء الخير يا مصر! Good evening.", idempotencyKey: "post-1" }) {
    post { id body language author { handle } }
  }
}

mutation TopUp {
  topUp(input: { amountPiastres: "10000", idempotencyKey: "top-up-1" }) {
    ... on TopUp { state wallet { balance { formatted } } }
    ... on PaymentRefusal { __typename message }
  }
}
`;

const NO_TOKEN = JSON.stringify({ authorization: "Bearer " }, null, 2);

window.DAIRA_TABS = [
  { query: FIRST_STEPS, headers: NO_TOKEN },
  { query: SIGN_IN, variables: JSON.stringify({ phone: "01000000000", password: "" }, null, 2), headers: "{}" },
  {
    query: SIGN_UP,
    variables: JSON.stringify(
      {
        input: {
          phone: "01012345678",
          password: "",
          handle: "new_here",
          displayName: "جديد هنا",
          idempotencyKey: "sign-up-1",
        },
      },
      null,
      2,
    ),
    headers: "{}",
  },
  { query: ME_AND_MONEY, headers: NO_TOKEN },
];
