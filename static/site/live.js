// Live parts of a page: signals come over one WebSocket; HTML always comes over HTTP, through the same
// permission-checked views.
"use strict";

const PING_MS = 20_000;
const SILENT_MS = 45_000;
const POLL_MS = 10_000;
const LATE_MS = 3_000;     // a part that has been out of date for longer says so
const EVERYTHING = "*";
const FREEZES = "freezes";  // what every page follows: its banner says what is frozen
const SIGNED_OUT = 4401;

const live = {
  cursor: document.body.dataset.cursor,
  parts: [],
  tries: 0,
  paused: false,
  polled: false,        // there is no socket, but the last request without one was answered
  contact: Date.now(),  // when the page was last known to be up to date
  socket: null,
  loaded: false,        // the other scripts are there, which drawing a part takes
};

// --- the parts of this page

live.parts = all("[data-live]").map((element) => new Part(element));
const partOf = (element) => live.parts.find((part) => part.element.contains(element)) || live.parts[0];

function markParts(topic) {
  const ofAll = topic === EVERYTHING || topic === FREEZES;
  for (const part of live.parts) if (ofAll || part.topics.includes(topic)) part.mark();
}

// --- the socket

function connect() {
  const scheme = location.protocol === "https:" ? "wss://" : "ws://";
  const socket = live.socket = new WebSocket(`${scheme}${location.host}/ws/live/`);
  socket.onopen = () => {
    live.tries = 0;
    live.subscribed = "";
    noteContact();
    subscribe();
    live.polled = false;
    showState();
  };
  socket.onmessage = (message) => {
    const { topic, cursor } = JSON.parse(message.data);
    if (cursor) live.cursor = cursor;
    if (topic) markParts(topic === "resync" ? EVERYTHING : topic);
    noteContact();
  };
  socket.onclose = (closing) => {
    if (closing.code === SIGNED_OUT) return live.loaded ? handleSignedOut() : location.reload();
    live.tries += 1;
    showState();
    setTimeout(connect, retryAfter(live.tries));
  };
}

// Topics change when a part was fetched anew; the server hears of it once.
function subscribe() {
  const wanted = [...new Set([FREEZES, ...live.parts.flatMap((part) => part.topics)])];
  const topics = wanted.join(" ");
  if (!open() || topics === live.subscribed) return;
  live.subscribed = topics;
  live.socket.send(JSON.stringify({ topics: wanted, cursor: live.cursor }));
}

// The server was heard, and what it said is shown.
function noteContact() {
  live.answered = Date.now();
  if (live.parts.every((part) => !part.behind)) live.contact = Date.now();
}

const open = () => live.socket?.readyState === WebSocket.OPEN;

function stateOfPage() {
  if (session.other) return "other";
  if (session.out) return "out";
  if (live.paused) return "paused";
  if (live.parts.some((part) => part.failures > 1)) return "lost";
  const late = (part) => part.behind && performance.now() - part.behind > LATE_MS;
  if (live.parts.some(late)) return "late";
  return open() ? "live" : live.polled ? "polling" : "lost";
}

const WORDS = {
  live: "Live",
  late: "Catching up",
  lost: "Reconnecting",
  polling: "Every 10 s",
  paused: "Paused",
  out: "Signed out",
  other: "Stopped",
};

function showState() {
  if (!live.loaded) return;
  showSession();
  if (!live.cursor) return;
  const mark = one("#live");
  const state = stateOfPage();
  if (mark.dataset.state !== state) {
    mark.dataset.state = state;
    one("#live-word").textContent = one("#live-announced").textContent = WORDS[state];
  }
  one("#last-contact").dateTime = new Date(live.contact).toISOString();
  const failing = live.tries > 1 || live.parts.some((part) => part.failures > 1);
  one("#banner").hidden = !(state === "lost" && failing);
  tick();
}

function watch() {
  if (open() && Date.now() - live.answered > SILENT_MS) return live.socket.close();
  if (open()) live.socket.send("{}");
}

// Without a socket the parts are topics every 10 s, so that the page is late, not wrong.
function poll() {
  if (!open() && !document.hidden && !live.paused) markParts(EVERYTHING);
}

function pause() {
  live.paused = !live.paused;
  showState();
  live.parts.forEach((part) => part.next());
}

if (live.cursor) {
  connect();
  setInterval(watch, PING_MS);
  setInterval(poll, POLL_MS);
  setInterval(showState, 1000);
  document.addEventListener("visibilitychange", () => live.parts.forEach((part) => part.next()));
}

document.addEventListener("DOMContentLoaded", () => {
  live.loaded = true;
  live.parts.forEach((part) => part.next());
});
