// StarTree's roles and their assignments.

import assert from "node:assert/strict";
import { control, finish, inConsole, until } from "./browser.mjs";

await inConsole(async (page) => {
  const card = page.locator("#role-list > li").filter({ has: page.getByRole("heading", { name: "table-reader" }) });
  await card.waitFor();
  assert.match(await card.textContent(), /Reads tables.*read-tables.*ada@acme\.example/);

  // A token can do nothing until a role is assigned to it.
  await page.getByRole("button", { name: /^Create service token/ }).click();
  const dialog = page.locator("#form-dialog");
  await dialog.getByLabel("Description").fill("ingestion");
  await dialog.getByRole("button", { name: "Create" }).click();
  const value = page.locator("#value-dialog");
  await value.waitFor();
  assert.match(await value.locator("code").first().textContent(), /^st-[^-]+-[^-]+$/);
  await value.getByRole("button", { name: "Done" }).click();

  const { tokens } = await control("GET", "/tokens?query=ingestion");
  const [, accessKey] = [tokens.length, tokens[0].id];
  await card.getByRole("button", { name: /^Assign/ }).click();
  await dialog.getByLabel("Subject type").selectOption("service-token");
  await dialog.getByLabel("Subject", { exact: true }).fill(accessKey);
  await dialog.getByRole("button", { name: "Assign" }).click();
  await card.getByText(accessKey, { exact: true }).waitFor();

  await card.getByRole("button", { name: /^Remove… ada@acme\.example/ }).click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await until(() => card.textContent(), (text) => !text.includes("ada@acme.example"), "the assignment is removed");
  const { assignments } = (await control("GET", "/roles")).find(({ name }) => name === "table-reader");
  assert.deepEqual(assignments, [{ "subject-type": "service-token", subject: accessKey }]);
});
await finish();
