// Who is signed in may change while a page is open. Somebody who was signed out goes to the sign-in page,
// unless they typed something and did not send it: then the page stays, with a link that opens the sign-in
// beside it. When another person signs in, the page stops and says so: nothing typed here is sent in their
// name.
"use strict";

const RENEW_MS = 15_000;

const session = {
  out: false,    // nobody is signed in
  other: false,  // somebody else is than the page was drawn for
};

function handleSignedOut() {
  if (session.out) return;
  if (!hasUnsentText()) return location.reload();
  session.out = true;
  showState();
}

const FIELDS = "dialog[open] textarea, main textarea, main input.input, main input[type=file]";

// Whether somebody typed or chose something here that was not sent.
function hasUnsentText() {
  return all(FIELDS).some(isUnsent);
}

// In a dialog, and after a refusal, what stands in a field from the beginning was typed too.
function isUnsent(field) {
  if (field.closest("dialog:not([open])")) return false;
  if (field.type === "file") return field.files.length > 0;
  if (!field.value.trim()) return false;
  const typed = field.closest("dialog, form:has(#refused), [data-unsent]");
  return Boolean(typed) || field.value !== field.defaultValue;
}

// Each answer names who it is for, and brings a token for forms. The same person's token goes into every
// form, as the one it was drawn with ends with the session. For somebody else the old one stays, which the
// server refuses.
function checkPerson(headers) {
  const person = headers.get("X-Person");
  if (!person) return;
  if (person !== document.body.dataset.person) {
    session.other = true;
    showState();
    return;
  }
  for (const field of all("[name=csrfmiddlewaretoken]")) field.value = headers.get("X-CSRF-Token");
}

// The same person signed in again, maybe in another tab.
function handleSignedIn() {
  session.out = false;
  if (live.cursor) connect();
  showState();
}

// Asks for this page once more, for the token that its person has now. Returns whether the forms have it.
async function renewTokens() {
  try {
    const signal = AbortSignal.timeout(RENEW_MS);
    const { headers, redirected } = await fetch(location.href, { headers: PART_HEADERS, signal });
    if (redirected || !headers.has("X-CSRF-Token")) return false;
    checkPerson(headers);
  } catch {
    return false;
  }
  if (session.out && !session.other) handleSignedIn();
  return !session.other;
}

function showSession() {
  const { out, other } = session;
  for (const [box, shown] of [[one("#signed-out"), out && !other], [one("#other-person"), other]]) {
    box.hidden = !shown;
    if (shown) moveIntoDialog(box);
  }
}

// Before every other script's: a form of this page is not for the person who is signed in now.
addEventListener("submit", (event) => {
  if (session.other && event.target.method === "post") event.preventDefault();
}, true);

addEventListener("focus", () => {
  if (!session.out) return;
  if (live.parts.length) live.parts[0].hurry();
  else renewTokens();
});
