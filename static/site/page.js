// Every page, the admin's too: ages that tick, the theme, messages, focus, dialogs, keys.
"use strict";

const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// --- ages tick in the browser, so that stale data looks its age

const twoDigits = (number) => String(number).padStart(2, "0");

function longAge(seconds) {
  const [s, m, h, d] = [1, 60, 3600, 86400].map((size) => Math.floor(seconds / size));
  if (m < 1) return `${s} s`;
  if (h < 1) return `${m} min`;
  if (h < 10) return `${h} h ${twoDigits(m % 60)} min`;
  return d < 1 ? `${h} h` : `${d} d ${h % 24} h`;
}

function shortAge(seconds) {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["m", 60]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)}${unit}`;
  }
  return `${Math.floor(seconds)}s`;
}

function tick() {
  for (const time of all("time[data-age]")) {
    const seconds = Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000);
    const text = (time.dataset.age === "short" ? shortAge : longAge)(seconds || 0);
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(tick, 1000);

// --- theme: a cookie, so that the next page is drawn right from its first byte

function toggleTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  root.dataset.theme = theme;
  document.body.classList.remove("theme-light", "theme-dark");
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
}

// --- what a click may mean

// An open dialog makes everything outside it dim and out of reach: a message shown meanwhile stands inside.
function moveIntoDialog(box) {
  const home = one("dialog[open]") || document.body;
  if (box.parentElement !== home) home.append(box);
}

function moveOutOfDialog(dialog) {
  document.body.append(...all(".toast, .banner", dialog));
}

const TOAST_MS = 8000;

// `undo`: the address to which an Undo is sent, with its values.
function toast(text, undo = "") {
  const box = one("#toast");
  if (!box) return;
  moveIntoDialog(box);
  box.textContent = text;
  if (undo) box.append(undoForm(undo));
  box.hidden = false;
  hideLater(box);
}

// It stays while somebody points at it, or has the focus inside.
function hideLater(box) {
  clearTimeout(box.timer);
  box.timer = setTimeout(() => {
    if (box.matches(":hover, :focus-within")) return hideLater(box);
    box.hidden = true;
  }, TOAST_MS);
}

function undoForm(undo) {
  const { pathname, searchParams } = new URL(undo, location.href);
  const form = document.createElement("form");
  form.method = "post";
  form.action = pathname;
  form.dataset.action = "";
  searchParams.set("csrfmiddlewaretoken", one("[name=csrfmiddlewaretoken]").value);
  for (const [name, value] of searchParams) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    form.append(field);
  }
  const button = document.createElement("button");
  Object.assign(button, { type: "submit", id: "undo", textContent: "Undo" });
  form.append(button);
  return form;
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    toast(`Copied ${button.dataset.copy}`);
  } catch {
    toast("The browser did not allow copying");
  }
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  if (on("[data-copy]")) copy(on("[data-copy]"));
  else if (on("[data-theme-toggle]")) toggleTheme();
  else if (on("[data-reload]")) location.reload();
  else if (on("[data-pause]")) pause();
  else if (on("[data-help]")) help(on("[data-help]"));
  else if (on("[data-close]") && on("dialog")) {
    event.preventDefault();
    on("dialog").close();
  }
});

function help(opener = document.activeElement) {
  openDialog(one("#help"), opener);
}

// --- the palette: its script comes with its first use, and what is typed meanwhile stays

function openPalette(opener = document.activeElement) {
  const box = one("#palette");
  if (!box || one("dialog[open]")) return;
  one("#palette-input").value = "";
  openDialog(box, opener);
  one("#palette-input").focus();
  if (typeof beginPalette === "function") return beginPalette();
  const src = one("[data-open-palette]").dataset.openPalette;
  if (one(`script[src="${src}"]`)) return;  // it is on its way
  const script = document.createElement("script");
  Object.assign(script, { src, onload: () => beginPalette(), onerror: () => script.remove() });
  document.head.append(script);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-open-palette]");
  if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openPalette(button);
});

document.addEventListener("keydown", (event) => {
  if (event.key?.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
  if (event.shiftKey || event.altKey || event.isComposing || !one("#palette")) return;
  event.preventDefault();
  openPalette();
});

// --- focus: where it goes when what had it is gone

const FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, [tabindex]";

// Ids of an element and of what a keyboard reaches after it, then before it: where the focus may go when the
// element is gone.
function focusCandidates(element) {
  const items = all(FOCUSABLE, one("#main")).filter((item) => item.id);
  const isAfter = (item) => element.compareDocumentPosition(item) & Node.DOCUMENT_POSITION_FOLLOWING;
  const at = items.findIndex((item) => item === element || isAfter(item));
  const [before, after] = at < 0 ? [items, []] : [items.slice(0, at), items.slice(at)];
  return [...after, ...before.reverse()].map((item) => item.id);
}

function focusFirst(ids) {
  const reachable = (item) => item?.checkVisibility({ visibilityProperty: true }) && !item.disabled;
  const target = ids.map((id) => document.getElementById(id)).find(reachable) || one("#main");
  target.focus({ preventScroll: true });
}

// --- dialogs: when one closes, what opened it has the focus again, or what stands in its place

function openDialog(box, opener) {
  if (!box || box.open) return;
  const menu = opener.closest("[popover]");
  menu?.hidePopover();
  const button = menu ? all(`[popovertarget="${menu.id}"]`).find((item) => item.checkVisibility()) : opener;
  if (button?.isConnected && !box.contains(button)) {
    const from = button === document.body ? one("#main") : button;
    box.back = focusCandidates(from);
    from.focus({ preventScroll: true });  // the browser itself returns there
  }
  box.showModal();
}

for (const box of all("dialog")) {
  box.addEventListener("close", () => {
    moveOutOfDialog(box);
    const { activeElement } = document;
    // the browser may leave the focus inside what it has just hidden, until it draws again
    if (activeElement === document.body || box.contains(activeElement)) focusFirst(box.back || []);
  });
}

// --- a form is sent once. When the browser comes back to it, or no answer comes, it can be sent again

const SENDING_MS = 10_000;

// The second of two quick clicks was meant for what stood there before the dialog opened.
document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target.closest("dialog [type=submit]")) event.preventDefault();
}, true);

// On the window: a script that sends the form itself has prevented the browser's way by then.
addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented || "send" in form.dataset) return;
  if (form.sent) event.preventDefault();
  form.sent = true;
  setTimeout(() => { form.sent = false; }, SENDING_MS);
});

addEventListener("pageshow", () => all("form").forEach((form) => { form.sent = false; }));

// --- keyboard: single letters act only outside fields and dialogs, and can be turned off in the account

const NEXT_MS = 900;  // how soon the second of two keys follows
const shortcuts = all("[data-keys]", one("#help") || document).map(({ dataset, children }) => ({
  ...dataset,
  label: children[0].textContent,
}));
let lastKey = { key: "", at: 0 };

// The box of a row takes no letters, so that keys go on from one that was clicked.
function typing(element) {
  return element.isContentEditable || element.matches("input:not([data-select]), textarea, select");
}

// Whether a key is meant as a shortcut.
function isShortcut(event) {
  const modified = event.metaKey || event.ctrlKey || event.altKey;
  const off = "noLetters" in document.body.dataset;
  return !off && !modified && !typing(event.target) && !one("dialog[open]");
}

// Ticks the box of the card or row that has the focus.
function selectFocused() {
  document.activeElement.closest("li, tr")?.querySelector("[data-select]")?.click();
}

// What a key does on this page: it presses something that stands there, goes to a page, or is told to the
// scripts as an event.
function obey({ act, click, to }, event) {
  const target = click && all(click).find((item) => item.checkVisibility());
  if (target) target.click();
  else if (to) location.href = to;
  else if (act === "help") help();
  else if (act === "filter" && one("[data-filter]")) one("[data-filter]").focus();
  else if (act === "select") selectFocused();
  else if (act) document.dispatchEvent(new CustomEvent("shortcut", { detail: act }));
  if (act !== "help") event.preventDefault();
}

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event)) return;
  const two = Date.now() - lastKey.at < NEXT_MS ? `${lastKey.key} ${event.key}` : "";
  const found = shortcuts.find(({ keys }) => keys === two) ||
    shortcuts.find(({ keys }) => keys === event.key);
  lastKey = { key: event.key, at: Date.now() };
  if (found) obey(found, event);
});
