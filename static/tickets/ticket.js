// The ticket page: its actions open in a dialog, keys reach the usual ones, its graph opens where work is.
"use strict";

// --- actions: their forms are pages of their own; here they open in a dialog, and the part shows the result

const UNKNOWN =
  "No answer came, so it may have been done or not. Press again to find out: nothing is done twice.";
const FAILED = "This did not work: nothing was changed. Try again.";
const BUSY = "The last action has no answer yet. Try again in a moment.";
let opening = null;  // the address of the form that is being opened
let submitting = null;  // the address of the action that is being sent

async function openForm(link) {
  const address = link.href;
  if (opening === address) return;
  if (submitting) return toast(BUSY);
  opening = address;
  const part = partOf(link);
  let answer = null;
  for (let tries = 0; !answer && opening === address && tries < 3; tries += 1) {
    answer = await part.send(address);
  }
  if (opening !== address) return;  // another one was asked for meanwhile
  opening = null;
  if (!answer) return toast("No connection: nothing was done. Try again.");
  if (answer.redirected || !answer.text.includes("action-title")) return void (location.href = address);
  if (answer.status >= 400) part.hurry();
  showDialog(answer.text, document.getElementById(link.id) || link);
}

function showDialog(html, opener) {
  const box = one("#action-dialog");
  moveOutOfDialog(box);
  box.innerHTML = html;
  openDialog(box, opener);
  const field = "select, textarea, input:not([type=hidden])";
  const first = ["#refused", "#previewed[data-asked]", field, "button[type=submit]"];
  first.map((selector) => one(selector, box)).find(Boolean)?.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-action]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openForm(link);
});

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || !event.target.matches("form[data-action]") || !one("#action-dialog")) return;
  event.preventDefault();
  submitAction(event.target, event.submitter);
});

async function submitAction(form, button) {
  const address = form.action;
  if (submitting) return submitting === address ? undefined : toast(BUSY);
  submitting = address;
  const part = partOf(form);
  const opener = one("[type=submit]", form);
  const sent = { method: "POST", body: new URLSearchParams(new FormData(form, button)) };
  const answer = await part.send(address, sent, TIMEOUTS_MS.action);
  submitting = null;
  part.hurry();
  if (!answer) return toast(UNKNOWN);
  if (answer.redirected) return handleSignedOut();
  if (!answer.headers.get("Content-Type")?.startsWith("text/plain")) {
    if (answer.status >= 500 || !answer.text.includes("action-title")) return toast(FAILED);
    return showDialog(answer.text, document.getElementById(opener.id) || opener);
  }
  one("#action-dialog").close();
  toast(answer.text, answer.headers.get("X-Undo") || "");
}

// --- what an action does depends on where it leads: without a choice every effect is shown

document.addEventListener("change", ({ target }) => {
  if (target.id !== "action-to") return;
  all(".effect-to", target.form).forEach((part) => {
    part.hidden = target.value !== "" && part.dataset.to !== target.value;
  });
});

// --- a graph opens at the task whose row is shown, else at what failed first, else at what runs

const graphBox = one("#graph");
const shownNode = document.getElementById(location.hash.slice(1).replace("task-", "node-"));
const first = graphBox &&
  (shownNode || one(".node.bad", graphBox) || one(".node.running", graphBox))?.querySelector(".outline");
if (first) {
  const [box, node] = [graphBox.getBoundingClientRect(), first.getBoundingClientRect()];
  graphBox.scrollLeft = node.left - box.left - (box.width - node.width) / 2;
  graphBox.scrollTop = node.top - box.top - (box.height - node.height) / 2;
}
