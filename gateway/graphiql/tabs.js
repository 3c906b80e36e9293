// The tabs that GraphiQL opens with: comments say how to sign in, and each query runs as it is.
"use strict";

const FIRST_STEPS = `# DAIRA · دايرة
#
# 1. Sign in: run the next tab (or sign up in the third).
#    This page keeps the token until it is reloaded.
# 2. Or put a token into Headers, below:
#      { "authorization": "Bearer <accessToken>" }
# 3. Run this query: your home feed, ranked, and why
#    each post stands where it stands.
#
# Ctrl-Enter runs. Ctrl-Space completes. The book on the
# left opens the documentation of every field.

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

const SIGN_IN = `# "make run" prints the demo community's sign-in: put it into
# Variables, below, and run. Other tabs then send the token.

mutation SignIn($phone: String!, $password: String!) {
  signIn(input: { phone: $phone, password: $password }) {
    tokens { accessToken accessExpiresAt refreshToken }
    profile { id handle displayName }
  }
}
`;

const SIGN_UP = `# A new account with its profile. Choose a password in
# Variables. The same key makes no second account.

mutation SignUp($input: SignUpInput!) {
  signUp(input: $input) {
    userId
    tokens { accessToken accessExpiresAt refreshToken }
    profile { id handle displayName }
  }
}
`;

const ME_AND_MONEY = `# Needs somebody signed in. Several operations in one tab:
# the button asks which one to run.

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

window.DAIRA_TABS = [
  { query: FIRST_STEPS },
  { query: SIGN_IN, variables: JSON.stringify({ phone: "01000000001", password: "" }, null, 2) },
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
  },
  { query: ME_AND_MONEY },
];
