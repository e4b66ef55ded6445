// The audit log and faults, live: what clients of the API do appears without a reload.

import assert from "node:assert/strict";
import { BASE_URL, control, finish, inConsole, row, until } from "./browser.mjs";

const api = (method, path, body) => fetch(`${BASE_URL}${path}`, {
  method,
  headers: { authorization: `Bearer ${process.env.TOKEN}`, "content-type": "application/json", "user-agent": "Terraform/1.15.0" },
  body: JSON.stringify(body),
});

await inConsole(async (page, context) => {
  const log = page.locator("#audit-list > li");
  const first = () => log.first().textContent();
  await page.getByText("reconnects by itself").waitFor({ state: "hidden" });

  assert.equal((await api("POST", "/service-account", { name: "ci-pipeline" })).ok, true);
  await until(first, (text) => /create.*ci-pipeline.*done.*Terraform\/1\.15/.test(text), "the creation in the log");
  await row(page, "ci-pipeline").waitFor();
  assert.equal((await api("POST", "/service-account", { name: "x" })).ok, false);
  await until(first, (text) => /create.*refused with 4\d\d/.test(text), "the refused creation in the log");
  await until(() => page.locator("#announcer").textContent(), (text) => text.includes("refused"), "the announcement");

  await page.getByLabel("Show entries").selectOption({ label: "Refused" });
  await until(() => log.count(), (count) => count === 1, "the filter of the log");
  await page.getByLabel("Show entries").selectOption({ label: "All entries" });
  await page.getByRole("button", { name: "Pause" }).click();
  const before = await log.count();
  await control("POST", "/clock", { advance: "1h" });
  await until(() => page.locator("#clock-offset").textContent(), (text) => /minutes|hour/.test(text), "the clock");
  assert.equal(await log.count(), before);
  await page.getByRole("button", { name: "Pause" }).click();
  await until(() => log.count(), (count) => count === before + 1, "the entries after the pause");

  await page.getByRole("button", { name: "Inject fault…" }).click();
  const dialog = page.locator("#form-dialog");
  await dialog.getByLabel("Effect").selectOption({ label: "Answer 503 Service Unavailable" });
  await dialog.getByLabel("Method").selectOption("GET");
  await dialog.getByLabel("Path").fill("/service-accounts");
  await dialog.getByRole("button", { name: "Inject" }).click();
  await page.locator("#pending-faults").getByText("GET /service-accounts").waitFor();
  assert.equal((await api("GET", "/service-accounts")).status, 503);
  await page.locator("#struck-faults").getByText("GET /service-accounts").waitFor();
  await until(() => page.locator("#pending-faults > li").count(), (count) => count === 0, "the fault is no longer pending");
  await control("POST", "/faults", { effect: "cut", path: "/never-requested" });
  await page.reload();
  await page.locator("#pending-faults").getByText("Connection closed").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await until(() => page.locator("#pending-faults > li").count(), (count) => count === 0, "the faults are cleared");

  // A hidden tab closes its stream, and fetches what it missed when it is shown.
  const hide = (isHidden) => page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
  await hide(true);
  await api("DELETE", "/service-account?name=ci-pipeline");
  await hide(false);
  await until(first, (text) => /revoke.*ci-pipeline.*done/.test(text), "the entry that the hidden page missed");
});
await finish();
