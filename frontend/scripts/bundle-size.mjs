// What a first visit downloads as JavaScript, gzipped, per page. Fails above the budget.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 180;
const OUT = new URL("../out", import.meta.url).pathname;

function firstLoad(page) {
  const html = readFileSync(join(OUT, page), "utf8");
  const scripts = [...html.matchAll(/<script[^>]*src="([^"]+\.js)"[^>]*>/g)]
    // Old browsers alone load the polyfills.
    .filter(([tag]) => !/nomodule/i.test(tag))
    .map(([, path]) => path);
  const sizes = [...new Set(scripts)].map((path) => gzipSync(readFileSync(join(OUT, path))).length);
  return sizes.reduce((sum, size) => sum + size, 0) / 1000;
}

for (const page of ["index.html", "chat.html"]) {
  const kb = firstLoad(page);
  console.log(`${page}: ${kb.toFixed(1)} KB of JavaScript, gzipped (budget ${BUDGET_KB})`);
  if (kb > BUDGET_KB) process.exitCode = 1;
}
