// Everything works with the keyboard alone.

import assert from "node:assert/strict";
import { control, finish, inConsole, row, until } from "./browser.mjs";

await inConsole(async (page) => {
  await row(page, "ci-pipeline").waitFor();
  const focused = () => page.evaluate(() => document.activeElement.textContent || document.activeElement.getAttribute("aria-label"));

  /** Presses Tab until an element with this text has the focus. */
  const tabTo = async (text) => {
    for (let presses = 0; presses < 80; presses += 1) {
      if (text.test((await focused()) ?? "")) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`no Tab reaches ${text}`);
  };

  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the tokens");
  await page.keyboard.press("Enter");
  await tabTo(/^Create service account/);
  await page.keyboard.press("Enter");
  await page.keyboard.type("by-keyboard");
  await page.keyboard.press("Enter");
  await page.locator("#value-dialog").waitFor();
  assert.match(await focused(), /^Copy/);
  await tabTo(/^Done$/);
  await page.keyboard.press("Space");
  await row(page, "by-keyboard").waitFor();
  assert.match(await focused(), /^Create service account/);

  await tabTo(/^Revoke… by-keyboard/);
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "Cancel");
  await tabTo(/^Revoke$/);
  await page.keyboard.press("Enter");
  const states = async () => (await control("GET", "/tokens?query=by-keyboard")).tokens.map(({ state }) => state);
  await until(states, (found) => found.join() === "revoked", "the token is revoked");
  await until(focused, (text) => text === "Tokens", "the focus moves to the heading");

  // The log scrolls, so it can be reached.
  await tabTo(/done/);
});
await finish();
