// Signals come over one WebSocket; HTML always comes over HTTP, through the same permission-checked views.
"use strict";

const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// --- live parts: each names its topics in data-live and fetches itself again when one of them rings

const GATHER_MS = 120;
const PING_MS = 20_000;
const SILENT_MS = 45_000;
const POLL_MS = 10_000;
const EVERYTHING = "*";
const SIGNED_OUT = 4401;

const live = {
  cursor: document.body.dataset.cursor,
  dirty: new Set(),     // topics that rang since their parts were fetched
  timer: 0,
  fetching: 0,
  rested: 0,            // not before this moment: a slow answer makes the next request wait in proportion
  tries: 0,
  paused: false,
  polled: false,        // there is no socket, but the last request without one was answered
  contact: Date.now(),
  socket: null,
};

const parts = () => all("[data-live]");
const topicsOf = (part) => part.dataset.live.split(" ").filter(Boolean);
const topics = () => [...new Set(parts().flatMap(topicsOf))];

function ring(topic) {
  live.dirty.add(topic);
  if (!live.timer && !live.fetching && !document.hidden && !live.paused) {
    live.timer = setTimeout(fetchParts, Math.max(GATHER_MS, live.rested - performance.now()));
  }
}

function fetchParts() {
  live.timer = 0;
  const dirty = live.dirty;
  live.dirty = new Set();
  for (const part of parts()) {
    if (dirty.has(EVERYTHING) || topicsOf(part).some((topic) => dirty.has(topic))) fetchPart(part);
  }
}

function fetchPart(part) {
  const begun = performance.now();
  live.fetching += 1;
  const over = (event) => {
    if (event.target !== part && event.target.id !== part.id) return;
    document.removeEventListener("htmx:finally:request", over);
    live.fetching -= 1;
    live.rested = performance.now() + 3 * (performance.now() - begun);
    const status = event.detail.ctx.response?.status;
    if (status === 401 || status === 403 || event.detail.ctx.response?.raw?.redirected) return location.reload();
    if (status < 400) heard();
    else topicsOf(part).forEach((topic) => live.dirty.add(topic));
    live.polled = !open() && status < 400;
    subscribe();
    show();
    keepFocus();
    if (live.dirty.size && open()) [...live.dirty].forEach(ring);
  };
  document.addEventListener("htmx:finally:request", over);
  htmx.trigger(part, "live");
}

// --- the socket

function connect() {
  const scheme = location.protocol === "https:" ? "wss://" : "ws://";
  const socket = live.socket = new WebSocket(`${scheme}${location.host}/ws/live/`);
  socket.onopen = () => {
    live.tries = 0;
    live.asked = "";
    heard();
    subscribe();
    live.polled = false;
    show();
  };
  socket.onmessage = (message) => {
    heard();
    const { topic, cursor } = JSON.parse(message.data);
    if (cursor) live.cursor = cursor;
    if (topic === "resync") ring(EVERYTHING);
    else if (topic) ring(topic);
  };
  socket.onclose = (closing) => {
    if (closing.code === SIGNED_OUT) return location.reload();
    live.tries += 1;
    show();
    const wait = Math.min(15_000, 500 * 2 ** Math.min(live.tries - 1, 5)) * (0.5 + Math.random() / 2);
    setTimeout(connect, wait);
  };
}

// Topics change when a part was fetched anew; the server hears of it once.
function subscribe() {
  const wanted = topics();
  const asked = wanted.join(" ");
  if (!open() || asked === live.asked) return;
  live.asked = asked;
  live.socket.send(JSON.stringify({ topics: wanted, cursor: live.cursor }));
}

function heard() {
  live.contact = Date.now();
}

const open = () => live.socket?.readyState === WebSocket.OPEN;

function show() {
  const mark = one("#live");
  const state = live.paused ? "paused" : open() ? "live" : live.polled ? "polling" : "lost";
  const word = { live: "Live", lost: "Reconnecting", polling: "Every 10 s", paused: "Paused" }[state];
  if (mark.dataset.state !== state) {
    mark.dataset.state = state;
    one("#live-word").textContent = one("#live-said").textContent = word;
  }
  one("#last-contact").dateTime = new Date(live.contact).toISOString();
  one("#banner").hidden = !(state === "lost" && live.tries > 1);
  tick();
}

function watch() {
  if (open() && Date.now() - live.contact > SILENT_MS) return live.socket.close();
  if (open()) live.socket.send("{}");
}

// Without a socket the parts are asked every 10 s, so that the page is late, not wrong.
function poll() {
  if (open() || document.hidden || live.paused || live.fetching) return;
  live.dirty.add(EVERYTHING);
  fetchParts();
}

function pause() {
  live.paused = !live.paused;
  show();
  if (!live.paused && live.dirty.size) fetchParts();
}

if (live.cursor) {
  connect();
  setInterval(watch, PING_MS);
  setInterval(poll, POLL_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && live.dirty.size && !live.paused) fetchParts();
  });
}

// --- ages tick in the browser, so that stale data looks its age

const two = (number) => String(number).padStart(2, "0");

function longAge(seconds) {
  const [s, m, h, d] = [1, 60, 3600, 86400].map((size) => Math.floor(seconds / size));
  if (m < 1) return `${s} s`;
  if (h < 1) return `${m} min`;
  if (h < 10) return `${h} h ${two(m % 60)} min`;
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
  const chosen = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const theme = chosen === "dark" ? "light" : "dark";
  root.dataset.theme = theme;
  document.body.classList.remove("theme-light", "theme-dark");
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
}

// --- what a click may mean

function toast(text) {
  const box = one("#toast");
  if (!box) return;
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
  else if (on("[data-help]")) help();
  else if (on("[data-close]") && on("dialog")) {
    event.preventDefault();
    on("dialog").close();
  } else if (on("a[data-act]") && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
    event.preventDefault();
    ask(on("a[data-act]"));
  }
});

function help() {
  one("#account")?.hidePopover?.();
  one("#help")?.showModal();
}

// --- acts: their forms are pages of their own; here they open in a dialog, and the part shows what came of it

const PART = { "HX-Request": "true" };

async function ask(link) {
  link.closest("[popover]")?.hidePopover();
  const answer = await fetch(link.href, { headers: PART }).catch(() => null);
  if (!answer?.ok || answer.redirected) return void (location.href = link.href);
  openAct(await answer.text());
}

function openAct(html) {
  const box = one("#act");
  box.innerHTML = html;
  if (!box.open) box.showModal();
  (one("#refused", box) || one("select, textarea, input:not([type=hidden])", box) || one("button[type=submit]", box))?.focus();
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-act]") || !one("#act")) return;
  event.preventDefault();
  carryOut(event.target);
});

async function carryOut(form) {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  const body = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.action, { method: "POST", body, headers: PART }).catch(() => null);
  form.ariaBusy = "false";
  if (!answer) return toast("No connection: nothing was changed. Try again.");
  if (answer.redirected) return location.reload();
  const text = await answer.text();
  if (!answer.headers.get("Content-Type").startsWith("text/plain")) {
    if (answer.status >= 500 || !text.includes("act-title")) return toast("This did not work: nothing was changed. Try again.");
    return openAct(text);
  }
  one("#act").close();
  toast(text);
  live.acted = true;
  fetchPart(one("[data-live]"));
}

// What had the focus may be gone with the act: then the title of the page has it.
function keepFocus() {
  if (live.acted && document.activeElement === document.body) one("#ticket-title")?.focus();
  live.acted = false;
}

// --- keyboard: single letters act only outside fields and dialogs, and can be turned off

const letters = one("#letters");
if (letters) {
  letters.checked = localStorage.getItem("letters") !== "off";
  letters.addEventListener("change", () => localStorage.setItem("letters", letters.checked ? "on" : "off"));
}

const places = { b: "/board/" };
let goAt = 0;

function typing(element) {
  return element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);
}

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || typing(event.target) || one("dialog[open]")) return;
  if (!letters?.checked) return;
  const key = event.key;
  if (goAt && Date.now() - goAt < 900 && places[key]) location.href = places[key];
  goAt = key === "g" ? Date.now() : 0;
  if (key === "?") help();
  else if (key === "/" && one("[data-filter]")) {
    event.preventDefault();
    one("[data-filter]").focus();
  } else if ("jkhl".includes(key)) step(key);
  else if (key === "a") one("[id^=main-]")?.click();
  else if (key === "r") one("#head-retry-failed")?.click();
});

// j and k walk the cards in order, h and l go to the column beside, at the same height.
function step(key) {
  const seen = (root) => all("[data-nav]", root).filter((item) => item.checkVisibility());
  const items = seen(document);
  const at = items.indexOf(document.activeElement);
  let next = items[at + (key === "j" ? 1 : -1)] || items[key === "j" ? items.length - 1 : 0];
  if (key === "h" || key === "l") {
    const columns = all(".col").map(seen).filter((column) => column.length);
    const column = columns.findIndex((cards) => cards.includes(document.activeElement));
    const row = Math.max(0, columns[column]?.indexOf(document.activeElement) ?? 0);
    const beside = columns[Math.min(columns.length - 1, Math.max(0, column + (key === "l" ? 1 : -1)))];
    next = beside?.[Math.min(row, beside.length - 1)];
  }
  next?.focus();
  next?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// --- a phone opens the board at the first column with something in it that does not move

const boardBox = one("#board");
if (boardBox && innerWidth <= 860) {
  const column = one(".why", boardBox)?.closest(".col") || one(".tcard", boardBox)?.closest(".col");
  if (column) boardBox.scrollLeft = column.offsetLeft - 12;
}

// --- a graph opens at what failed first, else at what runs

const graphBox = one("#graph");
const telling = graphBox && (one(".node.bad rect", graphBox) || one(".node.run rect", graphBox));
if (telling) {
  const [box, node] = [graphBox.getBoundingClientRect(), telling.getBoundingClientRect()];
  graphBox.scrollLeft = node.left - box.left - (box.width - node.width) / 2;
  graphBox.scrollTop = node.top - box.top - (box.height - node.height) / 2;
}
