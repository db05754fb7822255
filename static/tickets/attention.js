// The attention list: one key does what helps for the item that has the focus.
"use strict";

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event) || event.key !== "a") return;
  const item = document.activeElement.closest(".attention-item");
  if (item) one("[data-act]", item)?.click();
});
