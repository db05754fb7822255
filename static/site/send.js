// Forms with `data-send` are sent by script, so that no lost answer takes along what was typed: the page
// stays until the server has answered. Without script the browser sends them.
"use strict";

const SEND_MS = 30_000;
const NO_ANSWER =
  "No answer came, so it may have been done or not. Press again to find out: nothing is done twice.";
const GONE = "It is not there any more. It may have been removed meanwhile.";

addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || !form.matches("form[data-send]")) return;
  event.preventDefault();
  if (!form.sending) sendForm(form);
});

async function sendForm(form) {
  const button = one("[type=submit]", form);
  form.sending = true;
  button.setAttribute("aria-busy", "true");
  const answer = await answerTo(form);
  form.sending = false;
  button.removeAttribute("aria-busy");
  if (!answer) return toast(NO_ANSWER);
  if (answer.status === 404) return toast(GONE);
  if (answer.redirected) return follow(new URL(answer.url));
  const fresh = one("#main", parsed(answer.text));
  if (!fresh) return toast("This did not work: nothing was done. Reload the page, then try again.");
  one("#main").replaceWith(fresh);
  one("#refused, h2[tabindex]", fresh)?.focus();
}

async function answerTo(form) {
  const body = new URLSearchParams(new FormData(form));
  try {
    const options = { method: "POST", body, headers: PART_HEADERS, signal: AbortSignal.timeout(SEND_MS) };
    const answer = await fetch(form.action, options);
    const { status, redirected, url } = answer;
    return { status, redirected, url, text: await answer.text() };
  } catch {
    return null;
  }
}

function follow(address) {
  if (address.pathname.startsWith("/login/")) {
    return toast("Nothing was done: you are signed out. Sign in in another tab, then press again.");
  }
  for (const field of all("main textarea, main input")) field.defaultValue = field.value;  // it is sent
  location.assign(address);
}
