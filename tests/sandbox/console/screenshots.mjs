// Takes the screenshots of the documentation.

import { BASE_URL, control, finish, inConsole } from "./browser.mjs";

const { FOLDER, PLATFORM, TOKEN } = process.env;

/** A client of the API, for the audit log. */
const terraform = (method, path, body) => fetch(BASE_URL + path, {
  method,
  headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", "user-agent": "terraform-provider-striim/0.1.0" },
  body: JSON.stringify(body),
});

if (TOKEN) {
  await terraform("POST", "/service-account", { name: "orders-loader", description: "Loads the orders" });
  await terraform("POST", "/service-account/rotate", { name: "orders-loader" });
  await terraform("POST", "/service-account", { name: "orders-loader" });
  await control("POST", "/faults", { effect: { answer: { status: 503 } }, method: "GET", path: "/service-accounts" });
  await terraform("GET", "/service-accounts");
  await control("POST", "/faults", { effect: "cut", method: "POST", path: "/service-account/rotate", when: "after" });
}

await inConsole(
  async (page) => {
    await page.locator("#token-table tbody tr").first().waitFor();
    await page.locator("#slots:visible li, #roles:visible li, #struck-faults li").first().waitFor();
    await page.screenshot({ path: `${FOLDER}/${PLATFORM}.png`, fullPage: true });
  },
  { viewport: { width: 1280, height: 720 } },
);
await finish();
