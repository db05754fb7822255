// Django's searching selects name themselves after their choice, and have no name while nothing is chosen.
"use strict";

function nameSelects() {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const label = select.labels[0]?.textContent.replace(/:\s*$/, "").trim();
    const box = select.parentElement.querySelector(".select2-selection");
    if (!label || !box) continue;
    box.removeAttribute("aria-labelledby");
    // the choices of a multiple one lie in a list beside its field, which no list may hold
    const choices = box.querySelector("ul.select2-selection__rendered");
    choices?.setAttribute("role", "group");
    for (const choice of choices?.children || []) {
      if (choice.tagName === "LI") choice.setAttribute("role", "none");
    }
    for (const part of [box, ...box.querySelectorAll(".select2-selection__rendered, input")]) {
      part.setAttribute("aria-label", label);
    }
  }
}

window.django?.jQuery?.(nameSelects); // after Django's own, which makes them
window.django?.jQuery?.(document).on("change", "select.admin-autocomplete", () => setTimeout(nameSelects));

// Where a search explains itself, its help is not its name: Django's label is a picture alone.
document.querySelector("#searchbar")?.setAttribute("aria-label", "Search");

// What the filter of the sidebar finds among the inner tables is shown, though they are folded away.
const filter = document.querySelector("#nav-filter");
const inner = document.querySelector("#nav-sidebar .app-internals details");
if (filter && inner) {
  const closed = !inner.open;
  const unfold = () => { if (closed) inner.open = Boolean(filter.value); };
  filter.addEventListener("input", unfold);
  if (filter.value) unfold();
}
