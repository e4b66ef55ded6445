// The page stays responsive with 10,000 tokens. Prints the time of each step in milliseconds.

import assert from "node:assert/strict";
import { control, finish, inConsole, names, until } from "./browser.mjs";

/** Generous, because the machine may be busy. On an idle one, each step takes a tenth of it. */
const LIMIT = 5_000;

const figures = {};

async function measured(name, step) {
  const start = performance.now();
  await step();
  figures[name] = Math.round(performance.now() - start);
  assert.ok(figures[name] < LIMIT, `${name} took ${figures[name]} ms`);
}

await inConsole(async (page) => {
  await measured("load", async () => {
    await page.reload();
    await page.locator("#token-table tbody tr").first().waitFor();
  });
  const range = () => page.locator("#token-range").textContent();
  assert.match(await range(), /^1–50 of 10,\d{3}$/);
  await measured("next page", async () => {
    await page.getByRole("button", { name: "Next" }).click();
    await until(range, (text) => text.startsWith("51–100 of"), "the next page");
  });
  await measured("last page", async () => {
    await page.getByRole("button", { name: "Last" }).click();
    await until(range, (text) => /of 10,\d{3}$/.test(text) && !text.startsWith("51–"), "the last page");
  });
  await measured("search", async () => {
    await page.getByLabel("Search").fill("service-07777");
    await until(() => names(page), (found) => found.join() === "service-07777", "the search");
  });
  await page.getByLabel("Search").fill("");
  await measured("100 changes", async () => {
    for (let change = 0; change < 100; change += 1) await control("POST", "/clock", { advance: "1s" });
    await until(() => page.locator("#audit-list > li").count(), (count) => count >= 100, "the changes in the log");
  });

  // The longest time for which the page did not react to the user.
  const longest = await page.evaluate(async () => {
    const tasks = new PerformanceObserver(() => {});
    tasks.observe({ type: "longtask", buffered: true });
    return Math.max(0, ...tasks.takeRecords().map(({ duration }) => duration));
  });
  figures["longest task"] = Math.round(longest);
  assert.ok(longest < 1_000, `a task took ${longest} ms`);
});
await finish(figures);
