// Creates, rotates and revokes a token. Its values are shown once, and are gone when they are dismissed.

import assert from "node:assert/strict";
import { URL, assertForgotten, finish, inConsole, row, rows, until } from "./browser.mjs";

const values = [];

/** Reads and copies the value that is shown, dismisses it, and checks that it is gone. */
async function dismiss(page, context) {
  const dialog = page.locator("#value-dialog");
  await dialog.waitFor();
  const value = await dialog.locator("code").textContent();
  assert.ok(value.length >= 16, value);
  await dialog.getByRole("button", { name: "Copy" }).click();
  await until(() => page.locator("#announcer").textContent(), (text) => text.includes("Copied."), "the copy");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  assert.ok(await dialog.isVisible(), "Escape does not dismiss a value");
  await dialog.getByRole("button", { name: "Done" }).click();
  await dialog.waitFor({ state: "hidden" });
  await assertForgotten(page, context, value);
  const other = await context.newPage();
  await other.goto(URL);
  assert.equal(await other.evaluate(() => navigator.clipboard.readText()), value);
  await other.close();
  values.push(value);
}

await inConsole(
  async (page, context) => {
    const create = page.getByRole("button", { name: /^Create service account/ });
    const form = page.locator("#form-dialog");

    // A refused creation is explained, and the form stays open.
    await create.click();
    await form.getByLabel("Name").fill("ci");
    await form.getByRole("button", { name: "Create" }).click();
    await form.getByRole("alert").waitFor();
    assert.match(await form.getByRole("alert").textContent(), /3/);
    await form.getByLabel("Name").fill("ci-pipeline");
    await form.getByLabel("Description").fill("<img src=x onerror=alert(1)>");
    await form.getByRole("button", { name: "90 days" }).click();
    await form.getByRole("button", { name: "Create" }).click();
    await dismiss(page, context);
    await row(page, "ci-pipeline").waitFor();
    assert.ok((await row(page, "ci-pipeline").textContent()).includes("<img src=x onerror=alert(1)>"));
    assert.match(await row(page, "ci-pipeline").textContent(), /Active.*in (89|90) days/);

    // Nothing happens before the confirmation.
    await row(page, "ci-pipeline").getByRole("button", { name: /^Rotate/ }).click();
    assert.match(await form.textContent(), /stops working at once/);
    await page.keyboard.press("Escape");
    await form.waitFor({ state: "hidden" });
    assert.match(await page.evaluate(() => document.activeElement.textContent), /^Rotate… ci-pipeline/);

    await row(page, "ci-pipeline").getByRole("button", { name: /^Rotate/ }).click();
    await form.getByRole("button", { name: "Rotate" }).click();
    await dismiss(page, context);
    assert.notEqual(values[0], values[1]);

    await row(page, "ci-pipeline").getByRole("button", { name: /^Revoke/ }).click();
    assert.equal(await page.evaluate(() => document.activeElement.id), "form-cancel");
    await form.getByRole("button", { name: "Revoke" }).click();
    await form.waitFor({ state: "hidden" });
    const states = () => rows(page, "ci-pipeline").locator(".badge").allTextContents();
    await until(states, (found) => found.every((state) => state === "Revoked"), "the token is shown as revoked");
    assert.equal(await rows(page, "ci-pipeline").getByRole("button").count(), 0);
  },
  { allowed: /status of 4\d\d/, permissions: ["clipboard-read", "clipboard-write"] },
);
await finish(values);
