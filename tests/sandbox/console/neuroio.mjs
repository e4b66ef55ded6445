// NeuroIO's tokens, which can be deactivated and activated again.

import assert from "node:assert/strict";
import { finish, inConsole, until } from "./browser.mjs";

await inConsole(async (page) => {
  const first = page.locator("#token-table tbody tr").first();
  const state = () => first.locator(".badge").textContent();
  const dialog = page.locator("#form-dialog");
  assert.equal(await state(), "Active");
  await first.getByRole("button", { name: /^Deactivate/ }).click();
  assert.match(await dialog.textContent(), /until the token is activated again/);
  await dialog.getByRole("button", { name: "Deactivate" }).click();
  await until(state, (text) => text === "Inactive", "the token is inactive");
  await first.getByRole("button", { name: /^Activate/ }).click();
  await dialog.getByRole("button", { name: "Activate" }).click();
  await until(state, (text) => text === "Active", "the token is active");
});
await finish();
