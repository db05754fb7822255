// The attention list: one key does what helps for the item that has the focus.
"use strict";

document.addEventListener("shortcut", ({ detail }) => {
  if (detail !== "act") return;
  const item = document.activeElement.closest(".attention-item");
  if (item) one("[data-act]", item)?.click();
});
