// The attention list: one key does what helps, and what changes by time alone is looked up.
"use strict";

const LOOK_MS = 30_000;  // nobody rings when agents fall silent

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event) || event.key !== "a") return;
  one("[data-act]", document.activeElement.closest(".attention-item") || undefined)?.click();
});

setInterval(() => live.parts.forEach((part) => part.mark()), LOOK_MS);
