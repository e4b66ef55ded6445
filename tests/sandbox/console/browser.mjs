// Drives the console in a real browser: chromium, by playwright-core.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";

const require = createRequire(`${process.env.PACKAGES}/package.json`);
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Without these, the browser contacts its vendor at every start. */
const OFFLINE = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
/** The browser refuses to run as root with its own sandbox. */
const AS_ROOT = process.getuid?.() === 0 ? ["--no-sandbox"] : [];

export const { URL, BASE_URL } = process.env;

/** The time limit of a step, which is also that of an assertion that waits. On an idle machine, each takes below a second. */
const STEP_LIMIT = 30_000;

const browser = await chromium.launch({
  // Playwright does not search the PATH.
  executablePath: process.env.PATH.split(delimiter).map((folder) => join(folder, "chromium")).find(existsSync),
  args: ["--disable-gpu", "--disable-quic", ...OFFLINE, ...AS_ROOT],
});
process.on("exit", () => browser.close());

/**
 * Opens the console in a page of its own and passes it to `steps`. Fails if the page logs an error, or requests anything
 * from another origin. `options` are those of playwright's `newContext`; `allowed` is the text of errors that the steps
 * provoke.
 */
export async function inConsole(steps, { allowed, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(STEP_LIMIT);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(`${error.stack}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !allowed?.test(message.text())) errors.push(message.text());
  });
  page.on("request", (request) => {
    if (new globalThis.URL(request.url()).origin !== new globalThis.URL(URL).origin) errors.push(`a request to ${request.url()}`);
  });
  await page.goto(URL);
  await page.locator("#tokens-heading").waitFor();
  try {
    await steps(page, context);
    assert.deepEqual(errors, []);
  } finally {
    await context.close();
  }
}

/** Prints the result for the test that runs the script, and ends the browser. */
export async function finish(result = {}) {
  await browser.close();
  console.log(JSON.stringify(result));
}

/** Waits until `condition(actual)` holds for the value that `read()` returns, and returns it. */
export async function until(read, condition, what) {
  const deadline = Date.now() + STEP_LIMIT;
  for (;;) {
    const actual = await read();
    if (condition(actual)) return actual;
    assert.ok(Date.now() < deadline, `${what}: ${JSON.stringify(actual).slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Sends a request of the control API. */
export async function control(method, path, body) {
  const answer = await fetch(`${URL}/sandbox${path}`, {
    method,
    headers: { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

/** The rows of the tokens with this name, current ones first. */
export const rows = (page, name) => page.locator("#token-table tbody tr").filter({ has: page.getByText(name, { exact: true }) });
export const row = (page, name) => rows(page, name).first();

/** The names of the tokens in the table. */
export const names = (page) => page.locator("#token-table .token-name").allTextContents();

/** Fails if axe-core finds a violation of WCAG 2.2 AA or of its best practices. */
export async function assertAccessible(page, what) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("; ")}`);
  assert.deepEqual(found, [], what);
}

/** Fails if the page is wider than the window. */
export async function assertFits(page, what) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `${what}: the page is ${content} pixels wide in a window of ${window}`);
}

/** Fails if a value is anywhere in the page: in its elements, or in the memory of its scripts. */
export async function assertForgotten(page, context, value) {
  assert.ok(!(await page.content()).includes(value), "the page contains the value");
  const session = await context.newCDPSession(page);
  const chunks = [];
  session.on("HeapProfiler.addHeapSnapshotChunk", ({ chunk }) => chunks.push(chunk));
  await session.send("HeapProfiler.enable");
  await session.send("HeapProfiler.collectGarbage");
  await session.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  await session.detach();
  const snapshot = JSON.parse(chunks.join(""));
  const found = snapshot.strings.filter((text) => text.includes(value));
  assert.deepEqual(found, [], "the memory of the page contains the value");
}
