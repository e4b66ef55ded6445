// The page and its dialogs have no violation that axe-core finds, in light and dark, and fit into 400 pixels.

import { assertAccessible, assertFits, finish, inConsole } from "./browser.mjs";

/** The buttons that open a dialog, where they exist. */
const OPENERS = [/^Create /, /^Rotate…/, /^Revoke…/, /^Assign…/, "Set…", "Inject fault…"];

for (const [colorScheme, width] of [["light", 1440], ["dark", 1440], ["light", 400]]) {
  const where = `${colorScheme}, ${width} pixels`;
  await inConsole(
    async (page) => {
      await page.locator("#token-table tbody tr, #no-tokens:visible").first().waitFor();
      await assertAccessible(page, where);
      await assertFits(page, where);
      const openers = OPENERS.map((name) => page.getByRole("button", { name }).first());
      for (const opener of [...openers, page.getByRole("switch").first()]) {
        if ((await opener.count()) === 0) continue;
        await opener.click();
        await page.locator("#form-dialog").waitFor();
        await assertAccessible(page, `${where}: a dialog`);
        await page.keyboard.press("Escape");
      }
    },
    { colorScheme, viewport: { width, height: 900 } },
  );
}

// High contrast replaces backgrounds.
await inConsole((page) => assertFits(page, "forced colours"), { forcedColors: "active" });
await finish();
