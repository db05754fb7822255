// Live parts of a page: signals come over one WebSocket; HTML always comes over HTTP, through the same
// permission-checked views.
"use strict";

const GATHER_MS = 120;
const PING_MS = 20_000;
const SILENT_MS = 45_000;
const POLL_MS = 10_000;
const REST_MS = 2_000;     // at most, between two fetches of a part on a slow line
const LATE_MS = 3_000;     // a part that has been out of date for longer says so
const EVERYTHING = "*";
const SIGNED_OUT = 4401;
const GONE = [401, 403, 404];
const PART = { "HX-Request": "true" };

// How long an answer is waited for. Without one a part is fetched again, and shows what an act did.
// `person` is how long somebody who asks for something waits for a fetch that nobody asked for.
const WAITS_MS = { part: 10_000, act: 30_000, person: 3_000 };

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

// --- a part: one queue of requests, one at a time. A signal never aborts a request: it means one more fetch,
// begun after it.

class Part {
  constructor(element) {
    this.id = element.id;
    this.changed = 0;     // when something changed that the last fetch may not show; 0: nothing did
    this.showing = 0;     // the same of what is being fetched
    this.asked = false;   // a person waits for the next fetch
    this.goal = "";       // an address of the history to show
    this.due = 0;         // no fetch before this moment
    this.failures = 0;
    this.jobs = [];       // requests of a person, which go before the next fetch
    this.request = null;  // the one in flight
    this.timer = 0;
  }

  get element() { return document.getElementById(this.id); }
  get topics() { return this.element.dataset.live.split(" ").filter(Boolean); }
  get form() { return one("#filters", this.element); }
  get quiet() { return !this.request && !this.changed && !this.jobs.length; }
  get behind() { return this.showing || this.changed; }

  mark() {
    const now = performance.now();
    if (!this.changed) this.due = Math.max(this.due, now + GATHER_MS);
    this.changed ||= now;
    this.next();
  }

  // As soon as can be: a person acted or chose.
  hurry() {
    this.asked = true;
    this.mark();
  }

  // A request of a person; resolves to its answer, or to null where none came.
  send(address, options, wait = WAITS_MS.part) {
    return new Promise((resolve) => {
      this.jobs.push({ address, options, wait, done: resolve });
      this.next();
    });
  }

  next() {
    clearTimeout(this.timer);
    if (!live.loaded || session.other) return;
    const now = performance.now();
    if (this.request) {
      // nobody waits long for an answer that may be lost
      const { begun, fetches, abort } = this.request;
      const awaited = fetches && (this.asked || this.jobs.length);
      if (awaited) this.timer = setTimeout(abort, Math.max(0, begun + WAITS_MS.person - now));
      return;
    }
    const job = this.jobs.shift();
    if (job) return void this.carryOut(job);
    if (!this.changed || (!this.asked && (document.hidden || live.paused))) return;
    if (now < this.due && !this.asked) this.timer = setTimeout(() => this.next(), this.due - now);
    else this.fetch();
  }

  // One request at a time: `fetches` what the part shows, or is a person's.
  async ask({ address, options, wait }, fetches) {
    const control = new AbortController();
    const abort = () => control.abort();
    const timer = setTimeout(abort, wait);
    this.request = { begun: performance.now(), fetches, abort };
    try {
      const answer = await fetch(address, { ...options, headers: PART, signal: control.signal });
      const text = await answer.text();
      checkPerson(answer.headers);
      if (session.other) return null;
      return { status: answer.status, redirected: answer.redirected, headers: answer.headers, text };
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
      this.request = null;
    }
  }

  async carryOut(job) {
    job.done(await this.ask(job, false));
    this.next();
  }

  // Where the part is fetched from: its own address, unless a person went elsewhere or changed the filter
  // since it was drawn.
  get address() {
    if (this.goal) return this.goal;
    if (!this.form || chosen(this.form) === drawn(this.form)) return this.element.dataset.address;
    return `${this.form.getAttribute("action")}?${chosen(this.form)}`;
  }

  async fetch() {
    const { address } = this;
    const begun = performance.now();
    this.showing = this.changed;
    this.changed = 0;
    this.asked = false;
    const answer = await this.ask({ address, wait: WAITS_MS.part }, true);
    if (session.other) return;
    const fresh = answer && parsed(answer.text).getElementById(this.id);
    const empty = answer?.status < 400 && !answer.redirected && !fresh;
    if (empty || GONE.includes(answer?.status)) return location.reload();
    if (answer?.redirected) {
      this.changed = this.showing;
      this.showing = 0;
      this.due = performance.now() + POLL_MS;
      leave();
    } else if (answer?.status < 400) {
      if (session.out) comeBack();
      this.failures = this.showing = 0;
      this.due = performance.now() + Math.min(REST_MS, 3 * (performance.now() - begun));
      if (this.address === address) this.show(answer, fresh);
      else this.hurry();  // something else was chosen meanwhile
      heard();
    } else this.failed();
    live.polled = !open() && answer?.status < 400;
    subscribe();
    show();
    this.next();
  }

  failed() {
    this.changed = this.showing;
    this.showing = 0;
    if (this.asked || this.jobs.length) return;  // given up for a person's sake
    this.failures += 1;
    this.due = performance.now() + retryAfter(this.failures);
  }

  show({ text, headers }, fresh) {
    const restored = Boolean(this.goal);
    this.goal = "";
    const { element, form } = this;
    const swap = { sourceElement: element, target: element, swap: "outerMorph", text };
    keepPlace(element, () => htmx.swap(swap));
    if (form) fill(form, one("#filters", fresh), restored);
    const address = headers.get("HX-Push-Url");
    if (address && !restored) goTo(address);
  }
}

// A little longer with each failure, and never the same for all browsers.
function retryAfter(failures) {
  return Math.min(15_000, 500 * 2 ** Math.min(failures - 1, 5)) * (0.5 + Math.random() / 2);
}

const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

live.parts = all("[data-live]").map((element) => new Part(element));
const partOf = (element) => live.parts.find((part) => part.element.contains(element)) || live.parts[0];

function ring(topic) {
  for (const part of live.parts) if (topic === EVERYTHING || part.topics.includes(topic)) part.mark();
}

// --- focus and scrolling stay where they are, whatever is drawn anew around them

function keepPlace(root, change) {
  const held = document.activeElement;
  const next = root.contains(held) && neighbours(held);
  const scrolled = all("[id], nav", root).filter((box) => box.scrollTop || box.scrollLeft);
  const places = scrolled.map((box) => [box, box.scrollLeft, box.scrollTop]);
  change();
  if (next && held.isConnected) held.focus({ preventScroll: true });
  else if (next) focusFirst(next);
  for (const [box, left, top] of places) box.scrollTo({ left, top, behavior: "instant" });
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
    const { topic, cursor } = JSON.parse(message.data);
    if (cursor) live.cursor = cursor;
    if (topic) ring(topic === "resync" ? EVERYTHING : topic);
    heard();
  };
  socket.onclose = (closing) => {
    if (closing.code === SIGNED_OUT) return live.loaded ? leave() : location.reload();
    live.tries += 1;
    show();
    setTimeout(connect, retryAfter(live.tries));
  };
}

// Topics change when a part was fetched anew; the server hears of it once.
function subscribe() {
  const wanted = [...new Set(live.parts.flatMap((part) => part.topics))];
  const asked = wanted.join(" ");
  if (!open() || asked === live.asked) return;
  live.asked = asked;
  live.socket.send(JSON.stringify({ topics: wanted, cursor: live.cursor }));
}

// The server was heard, and what it said is shown.
function heard() {
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

function show() {
  if (!live.loaded) return;
  const mark = one("#live");
  const state = stateOfPage();
  if (mark.dataset.state !== state) {
    mark.dataset.state = state;
    one("#live-word").textContent = one("#live-announced").textContent = WORDS[state];
  }
  one("#last-contact").dateTime = new Date(live.contact).toISOString();
  showSession();
  const failing = live.tries > 1 || live.parts.some((part) => part.failures > 1);
  one("#banner").hidden = !(state === "lost" && failing);
  tick();
}

function watch() {
  if (open() && Date.now() - live.answered > SILENT_MS) return live.socket.close();
  if (open()) live.socket.send("{}");
}

// Without a socket the parts are asked every 10 s, so that the page is late, not wrong.
function poll() {
  if (!open() && !document.hidden && !live.paused) ring(EVERYTHING);
}

function pause() {
  live.paused = !live.paused;
  show();
  live.parts.forEach((part) => part.next());
}

if (live.cursor) {
  connect();
  setInterval(watch, PING_MS);
  setInterval(poll, POLL_MS);
  setInterval(show, 1000);
  document.addEventListener("visibilitychange", () => live.parts.forEach((part) => part.next()));
}

document.addEventListener("DOMContentLoaded", () => {
  live.loaded = true;
  live.parts.forEach((part) => part.next());
});
