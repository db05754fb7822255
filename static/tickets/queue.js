// The list of tasks: what a person has chosen stays chosen while the list changes. Parts that change by
// themselves are fetched again now and then, and an output is followed to its end.
"use strict";

// --- what is chosen

const chosen = new Set();
const boxes = () => all("#choose input[name=task]");

function showChosen() {
  const here = boxes();
  for (const box of here) if (box.checked !== chosen.has(box.value)) box.checked = chosen.has(box.value);
  const everything = one("#choose-all");
  if (!everything) return;
  const number = here.filter((box) => box.checked).length;
  const frame = everything.closest("label");
  if (frame.hidden) frame.hidden = false;
  everything.checked = number > 0 && number === here.length;
  everything.indeterminate = number > 0 && number < here.length;
  const words = number ? `${number} chosen` : "Choose all on this page";
  const mark = one("#chosen-number");
  if (mark.textContent !== words) mark.textContent = words;
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("#choose input[name=task]")) {
    if (target.checked) chosen.add(target.value);
    else chosen.delete(target.value);
  } else if (target.id === "choose-all") {
    for (const box of boxes()) {
      if (target.checked) chosen.add(box.value);
      else chosen.delete(box.value);
    }
  } else return;
  showChosen();
});

// From a chosen row `a` leads to what can be done with all that are chosen.
document.addEventListener("shortcut", ({ detail }) => {
  if (detail === "act" && chosen.size) one("#choose .choose-bar button")?.focus();
});

const list = one("#tasks-part");
if (list) {
  boxes().forEach((box) => { if (box.checked) chosen.add(box.value); });
  showChosen();
  new MutationObserver(showChosen).observe(document.body, { childList: true, subtree: true });
}

// --- an output is shown at its end, until a person scrolls up

const END_PX = 40;
let following = true;

function follow() {
  const box = one("#output");
  if (!box) return;
  if (box.scroller !== box) {
    box.scroller = box;
    box.addEventListener("scroll", () => {
      following = box.scrollHeight - box.scrollTop - box.clientHeight < END_PX;
    });
  }
  if (following && box.scrollTop + box.clientHeight < box.scrollHeight) box.scrollTop = box.scrollHeight;
}

const outputCard = one("#output-part");
if (outputCard) {
  follow();
  new MutationObserver(follow).observe(one("#task-part"), {
    childList: true, subtree: true, characterData: true,
  });
}

// --- parts that nobody rings for

const TICK_MS = 500;
const looked = new Map();

setInterval(() => {
  if (document.hidden) return;
  for (const part of live.parts) {
    const every = Number(part.element?.dataset.every);
    if (!every || performance.now() - (looked.get(part.id) || 0) < every) continue;
    looked.set(part.id, performance.now());
    part.mark();
  }
}, TICK_MS);
