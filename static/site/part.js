// A live part of a page: one queue of requests, one at a time. A signal never aborts a request: it means one
// more fetch after it.
"use strict";

const COLLECT_MS = 120;  // signals that come this close together are answered by one fetch
const REST_MS = 2_000;  // at most, between two fetches of a part on a slow line
const RELOAD_ON = [401, 403, 404];
const PART_HEADERS = { "HX-Request": "true" };

// How long an answer is waited for. Without one a part is fetched again, and shows what an action did.
// `person` is how long somebody who asks for something waits for a fetch that nobody asked for.
const TIMEOUTS_MS = { part: 10_000, action: 30_000, person: 3_000 };

class Part {
  constructor(element) {
    this.id = element.id;
    this.changed = 0;     // when something changed that the last fetch may not show; 0: nothing did
    this.showing = 0;     // the same of what is being fetched
    this.urgent = false;   // a person waits for the next fetch
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
    if (!this.changed) this.due = Math.max(this.due, now + COLLECT_MS);
    this.changed ||= now;
    this.next();
  }

  // As soon as can be: a person acted or chose.
  hurry() {
    this.urgent = true;
    this.mark();
  }

  // A request of a person; resolves to its answer, or to null where none came.
  send(address, options, wait = TIMEOUTS_MS.part) {
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
      const awaited = fetches && (this.urgent || this.jobs.length);
      if (awaited) this.timer = setTimeout(abort, Math.max(0, begun + TIMEOUTS_MS.person - now));
      return;
    }
    const job = this.jobs.shift();
    if (job) return void this.runJob(job);
    if (!this.changed || (!this.urgent && (document.hidden || live.paused))) return;
    if (now < this.due && !this.urgent) this.timer = setTimeout(() => this.next(), this.due - now);
    else this.fetch();
  }

  // One request at a time: `fetches` what the part shows, or is a person's.
  async sendRequest({ address, options, wait }, fetches) {
    const control = new AbortController();
    const abort = () => control.abort();
    const timer = setTimeout(abort, wait);
    this.request = { begun: performance.now(), fetches, abort };
    try {
      const answer = await fetch(address, { ...options, headers: PART_HEADERS, signal: control.signal });
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

  async runJob(job) {
    job.done(await this.sendRequest(job, false));
    this.next();
  }

  // Where the part is fetched from: its own address, unless a person went elsewhere or changed the filter
  // since it was drawn.
  get address() {
    if (this.goal) return this.goal;
    if (!this.form || currentQuery(this.form) === drawnQuery(this.form)) return this.element.dataset.address;
    return `${this.form.getAttribute("action")}?${currentQuery(this.form)}`;
  }

  async fetch() {
    const { address } = this;
    const begun = performance.now();
    this.showing = this.changed;
    this.changed = 0;
    this.urgent = false;
    const answer = await this.sendRequest({ address, wait: TIMEOUTS_MS.part }, true);
    if (session.other) return;
    const fresh = answer && parsed(answer.text).getElementById(this.id);
    const empty = answer?.status < 400 && !answer.redirected && !fresh;
    if (empty || RELOAD_ON.includes(answer?.status)) return location.reload();
    if (answer?.redirected) {
      this.changed = this.showing;
      this.showing = 0;
      this.due = performance.now() + POLL_MS;
      handleSignedOut();
    } else if (answer?.status < 400) {
      if (session.out) handleSignedIn();
      this.failures = this.showing = 0;
      this.due = performance.now() + Math.min(REST_MS, 3 * (performance.now() - begun));
      if (this.address === address) this.show(answer, fresh);
      else this.hurry();  // something else was chosen meanwhile
      noteContact();
    } else this.failed();
    live.polled = !open() && answer?.status < 400;
    subscribe();
    showState();
    this.next();
  }

  failed() {
    this.changed = this.showing;
    this.showing = 0;
    if (this.urgent || this.jobs.length) return;  // given up for a person's sake
    this.failures += 1;
    this.due = performance.now() + retryAfter(this.failures);
  }

  show({ text, headers }, fresh) {
    const restored = Boolean(this.goal);
    this.goal = "";
    const { element, form } = this;
    const swap = { sourceElement: element, target: element, swap: "outerMorph", text };
    keepFocusAndScroll(element, () => htmx.swap(swap));
    if (form) refreshFilter(form, one("#filters", fresh), restored);
    showCounts(headers.get("X-Counts"));
    showFrozen(headers.get("X-Frozen"));
    const address = headers.get("HX-Push-Url");
    if (address && !restored) pushAddress(address);
  }
}

// The numbers beside the navigation, and what needs the person in the page's title.
function showCounts(text) {
  if (text === null) return;
  const counts = new URLSearchParams(text);
  for (const mark of all("[data-count]")) mark.textContent = counts.get(mark.dataset.count) || "";
  const mine = counts.get("attention");
  document.title = (mine ? `(${mine}) ` : "") + document.title.replace(/^\(\d+\+?\) /, "");
}

// What is frozen, above every page; empty if nothing is.
function showFrozen(text) {
  const box = one("#frozen");
  if (text === null || !box) return;
  const told = new URLSearchParams(text);
  const line = told.get("line") || "";
  if (one("#frozen-line").textContent !== line) one("#frozen-line").textContent = line;
  const since = document.createElement("time");
  since.dateTime = told.get("since") || "";
  since.dataset.age = "long";
  one("#frozen-since").replaceChildren("For ", since, ".");
  box.hidden = !line;
  tick();
}

// A little longer with each failure, and never the same for all browsers.
function retryAfter(failures) {
  return Math.min(15_000, 500 * 2 ** Math.min(failures - 1, 5)) * (0.5 + Math.random() / 2);
}

const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

// --- focus and scrolling stay where they are, whatever is drawn anew around them

function keepFocusAndScroll(root, change) {
  const held = document.activeElement;
  const next = root.contains(held) && focusCandidates(held);
  const scrolled = all("[id], nav", root).filter((box) => box.scrollTop || box.scrollLeft);
  const places = scrolled.map((box) => [box, box.scrollLeft, box.scrollTop]);
  change();
  if (next && held.isConnected) held.focus({ preventScroll: true });
  else if (next) focusFirst(next);
  for (const [box, left, top] of places) box.scrollTo({ left, top, behavior: "instant" });
}
