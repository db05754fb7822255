// Django's searching selects name themselves after their choice, and have no name while nothing is chosen.
"use strict";

function nameSelects() {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const label = select.labels[0]?.textContent.replace(/:\s*$/, "").trim();
    const box = select.parentElement.querySelector(".select2-selection");
    if (!label || !box) continue;
    box.removeAttribute("aria-labelledby");
    for (const part of [box, ...box.querySelectorAll(".select2-selection__rendered, input")]) part.setAttribute("aria-label", label);
  }
}

window.django?.jQuery?.(nameSelects); // after Django's own, which makes them
