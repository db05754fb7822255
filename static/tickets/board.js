// The board: its filter, its address, the keys that walk its cards, and where it opens on a phone.
"use strict";

// --- the filter: what a person typed or chose wins over every answer, also over one to an earlier request

const TYPED_MS = 200;

const currentQuery = (form) => new URLSearchParams(new FormData(form)).toString();

// What the filter said when the part was drawn.
function drawnQuery(form) {
  if (form.drawn === undefined) {
    const clean = form.cloneNode(true);
    clean.reset();
    form.drawn = currentQuery(clean);
  }
  return form.drawn;
}

// Bring the filter's other choices up to date; where the focus is nothing changes, unless a person went back
// to this.
function refreshFilter(form, fresh, everything) {
  all("input[type=hidden]", form).forEach((field) => field.remove());
  form.prepend(...all("input[type=hidden]", fresh));
  for (const field of all("input, select", fresh)) {
    const mine = form.elements[field.name];
    if (!mine || (mine === document.activeElement && !everything)) continue;
    if (mine.matches("select")) {
      const options = all("option", fresh.elements[field.name]);
      mine.replaceChildren(...options.map((option) => option.cloneNode(true)));
    }
    mine.value = field.value;
  }
  form.drawn = currentQuery(form);
}

function applyFilter(form, wait = 0) {
  const part = partOf(form);
  part.goal = "";
  clearTimeout(form.timer);
  form.timer = setTimeout(() => { if (currentQuery(form) !== drawnQuery(form)) part.hurry(); }, wait);
}

const filterOf = (event) => event.target.closest("#filters");

document.addEventListener("input", (event) => {
  if (filterOf(event)) applyFilter(filterOf(event), TYPED_MS);
});
document.addEventListener("change", (event) => { if (filterOf(event)) applyFilter(filterOf(event)); });
document.addEventListener("submit", (event) => {
  if (!filterOf(event)) return;
  event.preventDefault();
  applyFilter(filterOf(event));
});

// A link of the board that changes its address (to fold a column, say) takes along what was chosen and is not
// answered yet.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='?'], a[href^='/']");
  const form = link && live.parts.find((part) => part.element.contains(link))?.form;
  if (!form || link.matches("[data-clear]") || currentQuery(form) === drawnQuery(form)) return;
  const address = new URL(link.href);
  if (address.pathname !== new URL(form.action).pathname) return;
  for (const field of all("input:not([type=hidden]), select", form)) {
    address.searchParams.set(field.name, field.value);
  }
  link.href = address.href;
}, true);

// --- the address: a filter is a step in the history of the tab

let here = location.pathname + location.search;

function pushAddress(address) {
  if (address === here) return;
  here = address;
  history.pushState(null, "", address);
  showProject();
}

// The frame follows the project of the address, and the switch keeps what else it asks for.
function showProject() {
  const asked = new URLSearchParams(location.search);
  const key = asked.get("project") || "";
  for (const link of all("#projects-menu [data-project]")) {
    const address = new URL(link.href);
    if (address.pathname !== location.pathname) continue;
    address.search = asked;
    for (const name of ["after", "before"]) address.searchParams.delete(name);
    if (link.dataset.project) address.searchParams.set("project", link.dataset.project);
    else address.searchParams.delete("project");
    link.href = address.pathname + address.search;
  }
  for (const name of all("[data-project-name]")) name.textContent = key || name.dataset.projectName;
  for (const link of all("[data-of-project]")) {
    const address = new URL(link.href);
    if (key) address.searchParams.set("project", key);
    else address.searchParams.delete("project");
    link.href = address.pathname + address.search;
  }
}

addEventListener("popstate", () => {
  const address = location.pathname + location.search;
  if (address === here || !live.parts.length) return;
  here = address;
  showProject();
  const [part] = live.parts;
  clearTimeout(part.form?.timer);
  part.goal = address;
  part.hurry();
});

for (const part of live.parts) if (part.form) applyFilter(part.form);  // typed before this script ran

// --- keys

const STEPS = ["next", "previous", "left", "right"];

document.addEventListener("shortcut", ({ detail }) => { if (STEPS.includes(detail)) moveFocus(detail); });

// Next and previous walk the cards in order, left and right go to the column beside, at the same height.
function moveFocus(step) {
  const seen = (root) => all("[data-nav]", root).filter((item) => item.checkVisibility());
  const items = seen(document);
  const focused = document.activeElement, row = focused.closest("tr");  // of a table, or none
  const at = items.indexOf(row && !items.includes(focused) ? one("[data-nav]", row) : focused);
  let next = items[at + (step === "next" ? 1 : -1)] || items[step === "next" ? items.length - 1 : 0];
  if (step === "left" || step === "right") {
    const columns = all(".column").map(seen).filter((column) => column.length);
    const column = columns.findIndex((cards) => cards.includes(document.activeElement));
    const row = Math.max(0, columns[column]?.indexOf(document.activeElement) ?? 0);
    const beside = columns[Math.min(columns.length - 1, Math.max(0, column + (step === "right" ? 1 : -1)))];
    next = beside?.[Math.min(row, beside.length - 1)];
  }
  next?.focus();
  next?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// --- a phone opens the board at the first column with something in it that does not move

const boardBox = one("#board");
if (boardBox && innerWidth <= 860) {
  const card = one(".ticket-card-cause", boardBox) || one(".ticket-card", boardBox);
  const column = card?.closest(".column");
  if (column) boardBox.scrollLeft = column.offsetLeft - 12;
}
