// node pa11y_pages.js FOLDER: looks at pages with the pa11y of this folder, in one browser, as standard input
// says: {browser, headers, addresses}. Prints what it finds, each with the address, as JSON.
"use strict";

const fs = require("node:fs");

const [folder] = process.argv.slice(2);
const pa11y = require(folder);
const puppeteer = require(require.resolve("puppeteer", { paths: [folder] }));

async function main() {
  const { browser: executablePath, headers, addresses } = JSON.parse(fs.readFileSync(0, "utf-8"));
  const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox"] });
  const found = [];
  try {
    for (const address of addresses) {
      const looked = await pa11y(address, { browser, headers, timeout: 60_000, standard: "WCAG2AA" });
      for (const { code, selector, message } of looked.issues) {
        found.push({ address, code, selector, message });
      }
    }
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify(found));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
