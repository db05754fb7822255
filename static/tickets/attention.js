// The attention list: one key does what helps for the item that has the focus, and what changes by time alone
// is looked up.
"use strict";

const LOOK_MS = 30_000;  // nobody rings when agents fall silent

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event) || event.key !== "a") return;
  const item = document.activeElement.closest(".attention-item");
  if (item) one("[data-act]", item)?.click();
});

setInterval(() => live.parts.forEach((part) => part.mark()), LOOK_MS);
