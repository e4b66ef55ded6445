// What Terraform does appears while it runs. The test starts an apply as soon as this script has requested the list.

import { BASE_URL, finish, inConsole, row, until } from "./browser.mjs";

await inConsole(async (page) => {
  await page.getByText("No request has changed the account yet.").waitFor();
  await fetch(`${BASE_URL}/service-accounts`, { headers: { authorization: `Bearer ${process.env.TOKEN}` } });

  const log = page.locator("#audit-list > li");
  for (const name of ["ci-pipeline", "nightly-export"]) {
    await row(page, name).waitFor({ timeout: 120_000 });
    await log.filter({ hasText: new RegExp(`create.*${name}.*done.*terraform-provider-striim`) }).waitFor();
  }
  await until(() => page.locator("#quota").textContent(), (text) => text.includes("3 of 3"), "the quota");
});
await finish();
