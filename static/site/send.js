// Forms with `data-send` are sent by script, so that no lost answer takes along what was typed: the page
// stays until the server has answered, and so does what was typed in its other forms. Without script the
// browser sends them.
"use strict";

const SEND_MS = 30_000;
const NO_ANSWER =
  "No answer came, so it may have been done or not. Press again to find out: nothing is done twice.";
// By the address of a form that has no answer yet, its token: a live part is drawn with another one
// meanwhile, and the server would take the next press for another act.
const unanswered = new Map();
const GONE = "It is not there any more. It may have been removed meanwhile.";

addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || !form.matches("form[data-send]")) return;
  event.preventDefault();
  if (!form.sending) sendForm(form, event.submitter);
});

async function sendForm(form, submitter) {
  const button = submitter || one("[type=submit]", form);
  const { once } = form.elements;
  if (once) {
    once.value = unanswered.get(form.action) || once.value;
    unanswered.set(form.action, once.value);
  }
  form.sending = true;
  button.setAttribute("aria-busy", "true");
  let answer = await answerTo(form, submitter);
  // the token of a form ends with the session; whoever signed in again has another one
  const outdated = answer?.status === 403 && !answer.refused;
  if (outdated && await renewTokens()) answer = await answerTo(form, submitter);
  form.sending = false;
  button.removeAttribute("aria-busy");
  if (session.other) return;  // the page says so
  if (!answer) return toast(NO_ANSWER);
  unanswered.delete(form.action);
  if (answer.status === 404) return toast(GONE);
  if (answer.redirected && answer.at.pathname.startsWith("/login/")) return handleSignedOut();
  if (answer.address) return location.assign(answer.address);
  if (!answer.main || (answer.status >= 400 && !answer.refused)) {
    const why = answer.main && one("h1", answer.main)?.textContent;
    return toast(`${why || "This did not work"}. What you typed stays here. Try again.`);
  }
  const here = answer.at.pathname === location.pathname && partsOf(answer.main) === partsOf(one("#main"));
  if (answer.redirected && !here) return location.assign(answer.at);
  if (answer.redirected) history.replaceState(null, "", answer.at);
  showMain(answer.main, form);
}

// The live parts in it, which a page counts when it is loaded.
const partsOf = (main) => all("[data-live]", main).map(({ id, dataset }) => [id, dataset.every]).join();

async function answerTo(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const headers = { ...PART_HEADERS, "HX-Request-Type": "full" };
  try {
    const sent = { method: "POST", body, headers, signal: AbortSignal.timeout(SEND_MS) };
    const answer = await fetch(form.action, sent);
    const main = one("#main", parsed(await answer.text()));
    const { status, redirected, url } = answer;
    const address = answer.headers.get("Location");  // of what was made
    return { status, redirected, address, at: new URL(url), main, refused: main && one("#refused", main) };
  } catch {
    return null;
  }
}

// The page as the server answered. Forms other than the one that was sent stay as they were filled in.
function showMain(fresh, sent) {
  const others = new Set(all(FIELDS).filter(isUnsent).map((field) => field.form));
  others.delete(sent);
  const kept = [...others].flatMap((form) => form ? [...form.elements] : [])
    .filter((field) => field.id && !["file", "hidden"].includes(field.type));
  one("#main").replaceWith(fresh);
  for (const { id, value, checked } of kept) {
    const field = document.getElementById(id);
    if (!field) continue;
    if (["checkbox", "radio"].includes(field.type)) field.checked = checked;
    else field.value = value;
    field.closest("details")?.setAttribute("open", "");
  }
  (one("#refused, h2[tabindex]", fresh) || fresh).focus();
}
