// The editor of a workflow: numbers of lines, and what the validator says while somebody types. What was
// typed always wins: an answer to an older text is thrown away, and no answer ever changes the text.
"use strict";

const REST_AFTER_TYPING_MS = 300;
const CHECK_TIMEOUT_MS = 15_000;
const TRY_AGAIN_MS = 5_000;
const PARTS = ["newer", "notes", "faults", "difference", "phases"].map((name) => `workflow-${name}`);

const editor = one("#workflow-text");
const check = {
  text: editor.value,  // that was answered last
  timer: 0,
  busy: false,
  again: false,  // what it is compared with changed meanwhile
  newest: "",  // the version that it was compared with
};

// --- the text

function numberLines() {
  const numbers = one("#workflow-numbers");
  const lines = editor.value.split("\n").length;
  if (lines === numbers.textContent.split("\n").length) return;
  numbers.textContent = Array.from({ length: lines }, (_, line) => line + 1).join("\n");
  editor.rows = lines;
}

function goToLine(line) {
  const lines = editor.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((length, text) => length + text.length + 1, 0);
  editor.focus({ preventScroll: true });
  editor.setSelectionRange(start, start + (lines[line - 1] || "").length);
  const box = editor.closest(".editor");
  box.scrollTop = (line - 4) * parseFloat(getComputedStyle(editor).lineHeight);
  box.scrollIntoView({ block: "nearest" });
}

// A new line begins where the one before it does.
function keepIndent(event) {
  if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const before = editor.value.slice(0, editor.selectionStart);
  const [indent] = /^ */.exec(before.slice(before.lastIndexOf("\n") + 1));
  if (!indent) return;
  event.preventDefault();
  document.execCommand("insertText", false, `\n${indent}`);  // unlike other ways, it can be undone
}

// --- what the validator says

function say(text) {
  one("#workflow-state").textContent = text;
}

// Of the validator: "Saving…" stays until that has its answer.
function report(text) {
  if (!editor.readOnly) say(text);
}

function checkSoon(wait = REST_AFTER_TYPING_MS) {
  clearTimeout(check.timer);
  if (check.busy) return;  // when its answer comes, the newest text is sent
  if (editor.value === check.text) return report("");
  report("Checking…");
  check.timer = setTimeout(sendCheck, wait);
}

async function sendCheck() {
  const asked = editor.value;
  check.busy = true;
  check.again = false;
  const answer = await askValidator(asked);
  check.busy = false;
  if (editor.value !== asked || check.again) return checkSoon(0);
  if (!answer) {
    report("Not checked: no connection. Your text stays here.");
    check.timer = setTimeout(sendCheck, TRY_AGAIN_MS);
  } else if (answer.redirected) {
    report("Not checked: you are signed out. Sign in in another tab; your text stays here.");
    check.timer = setTimeout(sendCheck, TRY_AGAIN_MS);
  } else if (answer.status !== 200) {
    report("Not checked: the server refused. Your text stays here.");
    await renewTokens();  // somebody who signed in again has another one
    check.timer = setTimeout(sendCheck, TRY_AGAIN_MS);
  } else {
    check.text = asked;
    show(answer.text);
    report("");
  }
}

async function askValidator(text) {
  const body = new URLSearchParams(new FormData(editor.form));
  body.set("text", text);
  body.set("name", editor.dataset.name);
  return request(editor.dataset.check, { method: "POST", body });
}

async function request(address, options, timeout = CHECK_TIMEOUT_MS) {
  try {
    const signal = AbortSignal.timeout(timeout);
    const answer = await fetch(address, { ...options, headers: PART_HEADERS, signal });
    const { status, redirected, headers, url } = answer;
    return { status, redirected, headers, url, text: await answer.text() };
  } catch {
    return null;
  }
}

function show(html) {
  const fresh = parsed(html);
  for (const id of PARTS) {
    const part = fresh.getElementById(id);
    const old = document.getElementById(id);
    if (part && part.outerHTML !== old.outerHTML) old.replaceWith(part);
  }
  showNewest();
  shiftNotes();
}

// --- another version may come into force while somebody writes: saving then shows both first

let saveLabel = one("#workflow-save")?.textContent;

// Returns whether it is another version than before.
function showNewest() {
  const { newest } = one("#workflow-newer").dataset;
  if (newest === check.newest) return false;
  check.newest = newest;
  const label = one("#workflow-save");
  if (editor.dataset.name) label.textContent = newest ? `Compare with version ${newest}` : saveLabel;
  return true;
}

function compareAgain() {
  if (!showNewest()) return;
  check.again = true;
  check.text = null;
  checkSoon(0);
}

// Notes stand where their lines end, which moves when the text is scrolled sideways.
function shiftNotes() {
  one("#workflow-notes").style.translate = `${-editor.scrollLeft}px 0`;
}

// --- saving: the page stays until the server has answered, so that no lost answer takes the text along

const SAVE_TIMEOUT_MS = 30_000;
const SAVE_UNKNOWN =
  "No answer came, so it may be saved or not. Your text stays here. Save again: nothing is saved twice.";
const SAVE_SIGNED_OUT = "Not saved: you are signed out. Sign in in another tab, then save again.";
let leaving = false;

async function save(event) {
  event.preventDefault();
  if (editor.readOnly) return;
  editor.readOnly = true;
  editor.dataset.unsent = "";  // until it is known to be saved
  say("Saving…");
  const sent = { method: "POST", body: new URLSearchParams(new FormData(editor.form)) };
  const answer = await request(editor.form.action, sent, SAVE_TIMEOUT_MS);
  editor.readOnly = false;
  say("");
  if (!answer) return toast(SAVE_UNKNOWN);
  if (answer.redirected && new URL(answer.url).pathname.startsWith("/workflows/")) {
    leaving = true;
    return void location.assign(answer.url);
  }
  if (answer.redirected) return toast(SAVE_SIGNED_OUT);
  if (!showRefusal(answer.text)) {
    await renewTokens();
    toast("Not saved: the server refused. Your text stays here. Save again.");
  }
}

// What was typed stays; everything around it is as the server answered. Returns whether it is a refusal.
function showRefusal(html) {
  const fresh = parsed(html);
  const refused = fresh.getElementById("refused");
  if (!refused) return false;
  one("#refused")?.remove();
  const part = one("#workflow-part");
  part.before(refused);
  part.dataset.address = one("#workflow-part", fresh).dataset.address || "";
  editor.form.elements.version.value = one("[name=version]", fresh).value;
  saveLabel = one("#workflow-save", fresh).textContent;
  check.again = true;
  check.newest = null;
  show(html);
  refused.focus();
  return true;
}

// --- nothing typed is lost

if (!editor.readOnly) {
  editor.addEventListener("input", () => { numberLines(); checkSoon(); });
  editor.addEventListener("scroll", shiftNotes);
  editor.addEventListener("keydown", keepIndent);
  editor.form.addEventListener("submit", save);
  addEventListener("pageshow", () => { leaving = false; numberLines(); checkSoon(); });
  addEventListener("beforeunload", (event) => {
    if (!leaving && isUnsent(editor)) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    if (!link) return;
    event.preventDefault();
    goToLine(Number(link.dataset.line));
  });
  document.addEventListener("htmx:after:swap", compareAgain);
  showNewest();
  one("#refused")?.focus();
}
