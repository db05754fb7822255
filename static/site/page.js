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

function toast(text) {
  const box = one("#toast");
  if (!box) return;
  moveIntoDialog(box);
  box.textContent = text;
  box.hidden = false;
  clearTimeout(box.timer);
  box.timer = setTimeout(() => { box.hidden = true; }, 8000);
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

// --- keyboard: single letters act only outside fields and dialogs, and can be turned off

const letters = one("#letters");
if (letters) {
  letters.checked = localStorage.getItem("letters") !== "off";
  letters.addEventListener("change", () => localStorage.setItem("letters", letters.checked ? "on" : "off"));
}

const GO_TO = {
  a: "/agents/", o: "/", b: "/board/", n: "/attention/", t: "/tasks/", w: "/workflows/",
};
let goAt = 0;

function typing(element) {
  return element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);
}

// Whether a key is meant as a shortcut.
function isShortcut(event) {
  const modified = event.metaKey || event.ctrlKey || event.altKey;
  return letters?.checked && !modified && !typing(event.target) && !one("dialog[open]");
}

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event)) return;
  const { key } = event;
  if (goAt && Date.now() - goAt < 900 && GO_TO[key]) {
    event.stopImmediatePropagation();  // on some pages the second letter does something by itself
    location.href = GO_TO[key];
  }
  goAt = key === "g" ? Date.now() : 0;
  if (key === "?") help();
  else if (key === "/" && one("[data-filter]")) {
    event.preventDefault();
    one("[data-filter]").focus();
  }
});
