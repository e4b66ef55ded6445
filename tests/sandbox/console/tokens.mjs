// The table of tokens: states, filter, search, pages, quota, switches, and the passing of time.

import assert from "node:assert/strict";
import { control, finish, inConsole, names, row, until } from "./browser.mjs";

await inConsole(async (page) => {
  const stateOf = (name) => row(page, name).locator(".badge").textContent();
  const bar = (name) => row(page, name).locator(".bar").getAttribute("data-state");
  for (const [name, state] of [["ci-pipeline", "Active"], ["nightly-export", "Expiring"], ["old-import", "Expired"]]) {
    assert.equal(await stateOf(name), state);
    assert.equal(await bar(name), state.toLowerCase());
  }

  // The bars are on one axis: that of a token that expires later is longer to the right.
  const right = async (name) => {
    const box = await row(page, name).locator(".bar").boundingBox();
    return box.x + box.width;
  };
  assert.ok((await right("nightly-export")) < (await right("ci-pipeline")));

  const filter = page.getByRole("group", { name: "Filter by state" });
  await filter.getByRole("button", { name: /^Expiring/ }).click();
  await until(() => names(page), (found) => found.join() === "nightly-export", "the filter by state");
  await filter.getByRole("button", { name: /^All/ }).click();
  await page.getByLabel("Search").fill("PIPELINE");
  await until(() => names(page), (found) => found.join() === "ci-pipeline", "the search");
  await page.getByLabel("Search").fill("nothing has this name");
  await page.getByText("No token matches the filter.").waitFor();
  await page.getByLabel("Search").fill("");
  await page.getByLabel("Kind").selectOption({ label: "Personal access token" });
  await until(() => names(page), (found) => found.length > 0 && !found.includes("ci-pipeline"), "the filter by kind");
  await page.getByLabel("Kind").selectOption({ label: "All kinds" });
  await row(page, "ci-pipeline").waitFor();
  await page.getByLabel("Time axis").selectOption({ label: "1 year" });

  assert.match(await page.locator("#quota").textContent(), /of 5 active service accounts/);

  // The consequence of a switch is shown before it is flipped.
  const patSwitch = page.getByRole("switch", { name: "Personal access tokens" });
  assert.equal(await patSwitch.getAttribute("aria-checked"), "true");
  await patSwitch.click();
  const dialog = page.locator("#form-dialog");
  assert.match(await dialog.textContent(), /invalid|revoke/i);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await patSwitch.getAttribute("aria-checked"), "true");
  await patSwitch.click();
  await dialog.getByRole("button", { name: "Disable" }).click();
  await until(() => patSwitch.getAttribute("aria-checked"), (on) => on === "false", "the switch");
  assert.equal((await control("GET", "")).switches[0].on, false);

  // Time passes by the buttons, and by other clients.
  await page.getByRole("button", { name: "advances the clock by 14 days" }).click();
  await until(() => stateOf("nightly-export"), (state) => state === "Expired", "the token after 14 days");
  await control("POST", "/clock", { advance: "1000d" });
  await until(() => stateOf("ci-pipeline"), (state) => state === "Expired", "the token after 1000 days");
  await page.getByRole("button", { name: "Set…" }).click();
  await dialog.getByLabel("Time").fill("2030-01-02T03:04:05");
  await dialog.getByRole("button", { name: "Set" }).click();
  await until(() => page.locator("#clock-time").textContent(), (text) => text.startsWith("2030-01-02 03:04:"), "the clock");
});
await finish();
