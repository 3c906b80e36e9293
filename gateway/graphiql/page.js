// Starts GraphiQL against this gateway. Tokens stay in the page: headers are not kept in the browser's storage.
"use strict";

// A header whose value was not filled in is left out, so that a tab runs before somebody has signed in.
function withoutEmpty(headers) {
  return Object.fromEntries(
    Object.entries(headers || {}).filter(([, value]) => String(value).trim() !== "" && String(value).trim() !== "Bearer"),
  );
}

async function fetcher(parameters, options) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: {
      ...withoutEmpty(options && options.headers),
      accept: "application/graphql-response+json, application/json",
      "content-type": "application/json",
    },
    body: JSON.stringify(parameters),
  });
  return response.json();
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultTabs: window.DAIRA_TABS,
    defaultEditorToolsVisibility: "headers",
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
  }),
);
