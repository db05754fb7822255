// Somebody who was signed out goes to the sign-in page. What they typed and did not send keeps them here, with a link that opens it beside.
"use strict";

let signedOut = false;

function leave() {
  if (signedOut) return;
  if (!typed()) return location.reload();
  signedOut = true;
  show();
}

// Whether a dialog holds a text that was not sent.
function typed() {
  return all("dialog[open] textarea").some((field) => field.value.trim());
}

// Somebody signed in, maybe in another tab: the forms here get the new session's token.
async function comeBack(part) {
  signedOut = false;
  connect();
  show();
  const form = one("dialog[open] form");
  const answer = form && await part.send(form.action);
  const token = answer && one("[name=csrfmiddlewaretoken]", parsed(answer.text))?.value;
  if (token) for (const field of all("[name=csrfmiddlewaretoken]")) field.value = token;
}

addEventListener("focus", () => { if (signedOut) live.parts[0].hurry(); });
