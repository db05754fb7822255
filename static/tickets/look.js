// Pages that change by time alone look again now and then.
"use strict";

const LOOK_MS = 30_000;  // nobody rings when agents fall silent

setInterval(() => live.parts.forEach((part) => part.mark()), LOOK_MS);
