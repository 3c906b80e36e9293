// Starts GraphiQL against this gateway.
"use strict";

// The token of the last sign-in here; gone with the page, never in the browser's storage.
let signedIn = "";

// What was not filled in is left out, so that a tab runs as it is.
function headersOf(options) {
  const given = Object.entries((options && options.headers) || {}).filter(
    ([, value]) => !["", "Bearer"].includes(String(value).trim()),
  );
  const names = given.map(([name]) => name.toLowerCase());
  return {
    ...(signedIn && !names.includes("authorization") ? { authorization: `Bearer ${signedIn}` } : {}),
    ...Object.fromEntries(given),
    accept: "application/graphql-response+json, application/json",
    "content-type": "application/json",
  };
}

function remember(result) {
  const data = (result && result.data) || {};
  for (const field of ["signIn", "signUp", "refreshTokens"]) {
    signedIn = data[field]?.tokens?.accessToken || signedIn;
  }
  if (data.signOut?.signedOut) {
    signedIn = "";
  }
}

async function fetcher(parameters, options) {
  const headers = headersOf(options);
  const response = await fetch("/graphql", { method: "POST", headers, body: JSON.stringify(parameters) });
  const result = await response.json();
  remember(result);
  return result;
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultTabs: window.DAIRA_TABS,
    defaultHeaders: JSON.stringify({ authorization: "Bearer " }, null, 2),
    defaultEditorToolsVisibility: "headers",
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
    // Tabs and history hold passwords that were typed into Variables: they end with the browser's tab.
    storage: window.sessionStorage,
  }),
);
