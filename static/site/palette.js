// The palette, which comes when it is first opened: what can be done on this page, what a text names, and
// the pages. It has no list of its own: acts are the buttons of the page, pages the links of its navigation,
// keys those of the help.
"use strict";

const PALETTE_TYPED_MS = 150;
const MOST_SHOWN = 8;  // of the acts, and of the pages
const palette = { box: one("#palette"), input: one("#palette-input"), list: one("#palette-list"), found: [] };

const searchFor = (text) => `/search/?q=${encodeURIComponent(text)}`;
const keyOf = (matches) => shortcuts.find(matches)?.keys || "";

function textOf(element) {
  const copy = element.cloneNode(true);
  all(".nav-count, .count, small", copy).forEach((part) => part.remove());
  return copy.textContent.replace(/\s+/g, " ").trim();
}

function actEntry(element, heading) {
  const label = element.getAttribute("aria-label") || textOf(element);
  const keys = keyOf(({ click }) => click && element.matches(click));
  return { heading, label, keys, icon: one("svg", element), run: () => element.click() };
}

// What stands in a region that names itself for the palette, also in its closed menus.
function acts() {
  return all("[data-palette]").flatMap((region) =>
    all("a[href], button:not([popovertarget])", region)
      .filter((item) => item.getAttribute("aria-disabled") !== "true")
      .map((item) => actEntry(item, region.dataset.palette)));
}

function linkEntry(link, heading) {
  const label = textOf(one(".found-name", link) || link);
  const keys = keyOf(({ to }) => to && to === link.getAttribute("href"));
  const about = one("small", link)?.textContent || "";
  return { heading, label, about, keys, icon: one("svg", link), address: link.href };
}

function pages() {
  const links = all(".sidebar .nav a, #account a");
  const once = links.filter((link, at) => links.findIndex((other) => other.href === link.href) === at);
  const more = shortcuts.filter(({ to }) => to && !links.some((link) => link.getAttribute("href") === to));
  return [
    ...more.map(({ to, label, keys }) => ({ heading: "Go to", label, keys, address: to })),
    ...once.map((link) => linkEntry(link, "Go to")),
  ];
}

function matching(entries, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const has = ({ label }) => words.every((word) => label.toLowerCase().includes(word));
  return entries.filter(has).slice(0, MOST_SHOWN);
}

// keep: what was chosen stays chosen, if it still stands there.
function drawPalette(keep = false) {
  const { input, list, found } = palette;
  const chosen = keep && palette.entries?.[palette.at];
  const text = input.value.trim();
  const icon = one("svg", palette.box);
  const search = { heading: "Search", label: `Search for “${text}”`, icon, address: searchFor(text) };
  const entries = [
    ...matching(acts(), text), ...found, ...matching(pages(), text), ...(text.length > 1 ? [search] : []),
  ];
  palette.entries = entries;
  list.replaceChildren();
  let group = null;
  entries.forEach((entry, at) => {
    if (group?.getAttribute("aria-label") !== entry.heading) {
      group = document.createElement("div");
      group.setAttribute("role", "group");
      group.setAttribute("aria-label", entry.heading);
      const heading = document.createElement("div");
      heading.className = "palette-heading";
      heading.setAttribute("aria-hidden", "true");
      heading.textContent = entry.heading;
      group.append(heading);
      list.append(group);
    }
    group.append(optionOf(entry, at));
  });
  one("#palette-number").textContent = `${entries.length} ${entries.length === 1 ? "result" : "results"}`;
  const same = ({ heading, label }) => heading === chosen.heading && label === chosen.label;
  choose(Math.max(0, chosen && palette.moved ? entries.findIndex(same) : 0));
}

function optionOf(entry, at) {
  const option = document.createElement("div");
  option.id = `palette-${at}`;
  option.className = "palette-option";
  option.setAttribute("role", "option");
  const label = document.createElement("span");
  label.className = "ellipsis";
  label.textContent = entry.label;
  const about = document.createElement("small");
  about.textContent = entry.about || "";
  const keys = document.createElement("span");
  keys.className = "palette-keys";
  keys.append(...(entry.keys || "").split(" ").filter(Boolean).map((key) => {
    const mark = document.createElement("kbd");
    mark.textContent = key;
    return mark;
  }));
  const blank = document.createElement("span");
  blank.className = "palette-blank";
  option.append(entry.icon?.cloneNode(true) || blank, label, about, keys);
  return option;
}

function choose(at) {
  const options = all("[role=option]", palette.list);
  palette.at = options.length ? (at + options.length) % options.length : -1;
  options.forEach((option, number) => option.setAttribute("aria-selected", String(number === palette.at)));
  if (palette.at < 0) return palette.input.removeAttribute("aria-activedescendant");
  palette.input.setAttribute("aria-activedescendant", options[palette.at].id);
  options[palette.at].scrollIntoView({ block: "nearest" });
}

function runEntry(at) {
  const entry = palette.entries[at];
  if (!entry) return;
  palette.box.close();
  if (entry.address) location.href = entry.address;
  else entry.run();
}

async function look() {
  const text = palette.input.value.trim();
  palette.request?.abort();
  const request = palette.request = new AbortController();
  let found = [];
  if (text.length > 1) {
    try {
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUTS_MS.part)]);
      const answer = await fetch(searchFor(text), { headers: PART_HEADERS, signal });
      if (answer.redirected) return handleSignedOut();
      if (answer.ok) {
        found = all(".found", parsed(await answer.text())).flatMap((group) =>
          all("a", group).map((link) => linkEntry(link, one("h2", group).textContent)));
      }
    } catch {
      if (request.signal.aborted) return;  // another text was asked for
    }
  }
  if (palette.request !== request) return;
  palette.found = found;
  drawPalette(true);
}

// Called whenever it opens; what was typed while this script came counts.
function beginPalette() {
  palette.found = [];
  palette.input.setAttribute("aria-expanded", "true");
  drawPalette();
  if (palette.input.value) look();
}

palette.input.addEventListener("input", () => {
  palette.found = [];
  palette.moved = false;
  drawPalette();
  clearTimeout(palette.timer);
  palette.timer = setTimeout(look, PALETTE_TYPED_MS);
});

palette.input.addEventListener("keydown", (event) => {
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (steps[event.key]) {
    choose(palette.at + steps[event.key]);
    palette.moved = true;
  }
  else if (event.key === "Enter" && !event.isComposing) runEntry(palette.at);
  else return;
  event.preventDefault();
});

palette.list.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) runEntry(Number(option.id.slice("palette-".length)));
});

palette.box.addEventListener("click", (event) => { if (event.target === palette.box) palette.box.close(); });
