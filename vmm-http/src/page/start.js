"use strict";

// The token of this page. It is kept in this variable alone, and ends with the login that the page is shown for.
let token = "";

async function renew() {
  const answer = await fetch("/docs/token", { method: "POST", credentials: "same-origin" });
  if (answer.status === 401) {
    // The login is over: the page shows its form.
    location.reload();
    return;
  }
  if (answer.ok) {
    token = (await answer.json()).token;
    ui.preauthorizeApiKey("token", token);
  }
}

const ui = SwaggerUIBundle({
  dom_id: "#ui",
  url: "/openapi.json",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "none",
  persistAuthorization: false,
  validatorUrl: null,
  onComplete: renew,
});

setInterval(renew, 20 * 60 * 1000);
