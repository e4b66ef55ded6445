// Quix's two streaming tokens of each environment, and a personal access token.

import assert from "node:assert/strict";
import { finish, inConsole, row, until } from "./browser.mjs";

await inConsole(async (page) => {
  const card = page.locator("#slot-list > li").filter({ has: page.getByRole("heading", { name: "acme-shop-dev" }) });
  await card.waitFor();
  assert.equal(await page.locator("#slot-list > li").count(), 2);
  assert.deepEqual(await card.locator(".slot-name").allTextContents(), ["Token 1", "Token 2"]);

  await card.getByRole("button", { name: /^Rotate/ }).click();
  const dialog = page.locator("#form-dialog");
  assert.match(await dialog.textContent(), /revokes token 1.*token 2 takes its place/);
  await dialog.getByRole("button", { name: "Rotate" }).click();
  const value = page.locator("#value-dialog");
  await value.waitFor();
  assert.ok((await value.locator("code").textContent()).length >= 16);
  await value.getByRole("button", { name: "Done" }).click();
  const revoked = () => page.locator("#token-table .badge[data-state=revoked]").count();
  await until(revoked, (count) => count === 1, "token 1 is revoked");

  await page.getByRole("button", { name: /^Create personal access token/ }).click();
  await dialog.getByLabel("Name").fill("laptop");
  await dialog.getByRole("button", { name: "30 days" }).click();
  await dialog.getByRole("button", { name: "Create" }).click();
  await value.waitFor();
  await value.getByRole("button", { name: "Done" }).click();
  assert.equal(await row(page, "laptop").locator(".badge").textContent(), "Active");
});
await finish();
