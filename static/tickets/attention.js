// The attention list: one key does what helps the item that has the focus.
"use strict";

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event) || event.key !== "a") return;
  one("[data-act]", document.activeElement.closest(".attention-item") || undefined)?.click();
});
