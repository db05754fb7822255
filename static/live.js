// Live parts of a page: signals come over one WebSocket; HTML always comes over HTTP, through the same permission-checked views.
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

// How long an answer is waited for. Without one a part is fetched again; what an act did is then told by the page.
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
};

// --- a part: one queue of requests, one at a time. A signal never aborts a request: it means one more fetch, begun after it.

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
    const now = performance.now();
    if (this.request) {
      // nobody waits long for an answer that may be lost
      const { begun, fetches, abort } = this.request;
      if (fetches && (this.asked || this.jobs.length)) this.timer = setTimeout(abort, Math.max(0, begun + WAITS_MS.person - now));
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
      return { status: answer.status, redirected: answer.redirected, headers: answer.headers, text: await answer.text() };
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

  // Where the part is fetched from: its own address, unless a person went elsewhere or changed the filter since it was drawn.
  get address() {
    if (this.goal) return this.goal;
    return this.form && chosen(this.form) !== drawn(this.form) ? `${this.form.getAttribute("action")}?${chosen(this.form)}` : this.element.dataset.address;
  }

  async fetch() {
    const { address } = this;
    const begun = performance.now();
    this.showing = this.changed;
    this.changed = 0;
    this.asked = false;
    const answer = await this.ask({ address, wait: WAITS_MS.part }, true);
    const fresh = answer && parsed(answer.text).getElementById(this.id);
    if (answer && (GONE.includes(answer.status) || (answer.status < 400 && !answer.redirected && !fresh))) return location.reload();
    if (answer?.redirected) {
      this.changed = this.showing;
      this.showing = 0;
      this.due = performance.now() + POLL_MS;
      leave();
    } else if (answer?.status < 400) {
      if (signedOut) comeBack(this);
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
    this.due = performance.now() + Math.min(15_000, 500 * 2 ** Math.min(this.failures - 1, 5)) * (0.5 + Math.random() / 2);
  }

  show({ text, headers }, fresh) {
    const restored = Boolean(this.goal);
    this.goal = "";
    const { element, form } = this;
    keepPlace(element, () => htmx.swap({ sourceElement: element, target: element, swap: "outerMorph", text }));
    if (form) fill(form, one("#filters", fresh), restored);
    if (!restored) goTo(headers.get("HX-Push-Url"));
  }
}

const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

live.parts = all("[data-live]").map((element) => new Part(element));
const partOf = (element) => live.parts.find((part) => part.element.contains(element)) || live.parts[0];

function ring(topic) {
  for (const part of live.parts) if (topic === EVERYTHING || part.topics.includes(topic)) part.mark();
}

// --- the filter: what a person typed or chose wins over every answer, also over one that was asked for before

const TYPED_MS = 200;

const chosen = (form) => new URLSearchParams(new FormData(form)).toString();

// What the filter said when the part was drawn.
function drawn(form) {
  if (form.drawn === undefined) {
    const clean = form.cloneNode(true);
    clean.reset();
    form.drawn = chosen(clean);
  }
  return form.drawn;
}

// Bring the filter's other choices up to date; where the focus is nothing changes, unless a person went back to this.
function fill(form, fresh, everything) {
  all("input[type=hidden]", form).forEach((field) => field.remove());
  form.prepend(...all("input[type=hidden]", fresh));
  for (const field of all("input, select", fresh)) {
    const mine = form.elements[field.name];
    if (!mine || (mine === document.activeElement && !everything)) continue;
    if (mine.matches("select")) mine.replaceChildren(...all("option", fresh.elements[field.name]).map((option) => option.cloneNode(true)));
    mine.value = field.value;
  }
  form.drawn = chosen(form);
}

function choose(form, wait = 0) {
  const part = partOf(form);
  part.goal = "";
  clearTimeout(form.timer);
  form.timer = setTimeout(() => { if (chosen(form) !== drawn(form)) part.hurry(); }, wait);
}

const filters = (event) => event.target.closest("#filters");

document.addEventListener("input", (event) => { if (filters(event)) choose(filters(event), TYPED_MS); });
document.addEventListener("change", (event) => { if (filters(event)) choose(filters(event)); });
document.addEventListener("submit", (event) => {
  if (!filters(event)) return;
  event.preventDefault();
  choose(filters(event));
});

// A link of the board that changes its address (to fold a column, say) takes along what was chosen and is not answered yet.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='?'], a[href^='/']");
  const form = link && live.parts.find((part) => part.element.contains(link))?.form;
  if (!form || link.matches("[data-clear]") || chosen(form) === drawn(form)) return;
  const address = new URL(link.href);
  if (address.pathname !== new URL(form.action).pathname) return;
  for (const field of all("input:not([type=hidden]), select", form)) address.searchParams.set(field.name, field.value);
  link.href = address.href;
}, true);

// --- the address: a filter is a step in the history of the tab

let here = location.pathname + location.search;

function goTo(address) {
  if (!address || address === here) return;
  here = address;
  history.pushState(null, "", address);
}

addEventListener("popstate", () => {
  const address = location.pathname + location.search;
  if (address === here || !live.parts.length) return;
  here = address;
  const [part] = live.parts;
  clearTimeout(part.form?.timer);
  part.goal = address;
  part.hurry();
});

// --- focus and scrolling stay where they are, whatever is drawn anew around them

function keepPlace(root, change) {
  const held = document.activeElement;
  const next = root.contains(held) && around(held);
  const scrolled = all("[id], nav", root).filter((box) => box.scrollTop || box.scrollLeft);
  const places = scrolled.map((box) => [box, box.scrollLeft, box.scrollTop]);
  change();
  if (next && held.isConnected) held.focus({ preventScroll: true });
  else if (next) focusFirst(next);
  for (const [box, left, top] of places) box.scrollTo({ left, top, behavior: "instant" });
}

// --- acts: their forms are pages of their own; here they open in a dialog, and the part shows what came of it

const UNKNOWN = "No answer came, so it may have been done or not. Press again to find out: nothing is done twice.";
const BUSY = "The last act has no answer yet. Try again in a moment.";
let asking = null;  // the address of the form that is being fetched
let acting = null;  // the address of the act that is being done

async function ask(link) {
  const address = link.href;
  if (asking === address) return;
  if (acting) return toast(BUSY);
  asking = address;
  const part = partOf(link);
  let answer = null;
  for (let tries = 0; !answer && asking === address && tries < 3; tries += 1) answer = await part.send(address);
  if (asking !== address) return;  // another one was asked for meanwhile
  asking = null;
  if (!answer) return toast("No connection: nothing was done. Try again.");
  if (answer.redirected || !answer.text.includes("act-title")) return void (location.href = address);
  if (answer.status >= 400) part.hurry();
  openAct(answer.text, document.getElementById(link.id) || link);
}

function openAct(html, opener) {
  const box = one("#act");
  bringOut(box);
  box.innerHTML = html;
  openDialog(box, opener);
  (one("#refused", box) || one("select, textarea, input:not([type=hidden])", box) || one("button[type=submit]", box))?.focus();
}

document.addEventListener("submit", (event) => {
  if (!byScript(event.target)) return;
  event.preventDefault();
  carryOut(event.target);
});

async function carryOut(form) {
  const address = form.action;
  if (acting) return acting === address ? undefined : toast(BUSY);
  acting = address;
  const part = partOf(form);
  const opener = one("[type=submit]", form);
  const answer = await part.send(address, { method: "POST", body: new URLSearchParams(new FormData(form)) }, WAITS_MS.act);
  acting = null;
  part.hurry();
  if (!answer) return toast(UNKNOWN);
  if (answer.redirected) return leave();
  if (!answer.headers.get("Content-Type")?.startsWith("text/plain")) {
    if (answer.status >= 500 || !answer.text.includes("act-title")) return toast("This did not work: nothing was changed. Try again.");
    return openAct(answer.text, document.getElementById(opener.id) || opener);
  }
  one("#act").close();
  toast(answer.text);
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
    if (closing.code === SIGNED_OUT) return leave();
    live.tries += 1;
    show();
    const wait = Math.min(15_000, 500 * 2 ** Math.min(live.tries - 1, 5)) * (0.5 + Math.random() / 2);
    setTimeout(connect, wait);
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
  if (signedOut) return "out";
  if (live.paused) return "paused";
  if (live.parts.some((part) => part.failures > 1)) return "lost";
  if (live.parts.some((part) => part.behind && performance.now() - part.behind > LATE_MS)) return "late";
  return open() ? "live" : live.polled ? "polling" : "lost";
}

function show() {
  const mark = one("#live");
  const state = stateOfPage();
  const word = { live: "Live", late: "Catching up", lost: "Reconnecting", polling: "Every 10 s", paused: "Paused", out: "Signed out" }[state];
  if (mark.dataset.state !== state) {
    mark.dataset.state = state;
    one("#live-word").textContent = one("#live-said").textContent = word;
  }
  one("#last-contact").dateTime = new Date(live.contact).toISOString();
  one("#signed-out").hidden = !signedOut;
  if (signedOut) reachable(one("#signed-out"));
  one("#banner").hidden = !(state === "lost" && (live.tries > 1 || live.parts.some((part) => part.failures > 1)));
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
  for (const part of live.parts) if (part.form) choose(part.form);  // typed before this script ran
}
