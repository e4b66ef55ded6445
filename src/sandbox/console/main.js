// Starts the console: fetches the account, shows it, and keeps it up to date.

import { get } from './api.js';
import * as audit from './audit.js';
import * as clock from './clock.js';
import { copyText } from './dialog.js';
import { byId, element, reconcile } from './dom.js';
import { subscribe } from './events.js';
import * as faults from './faults.js';
import * as governance from './governance.js';
import * as roles from './roles.js';
import * as slots from './slots.js';
import * as tokens from './tokens.js';
import { SECOND } from './time.js';

/** The time between two refreshes if nothing else happens, for the bars and distances. */
const IDLE_REFRESH = 30 * SECOND;
/** The pause between two refreshes while clients change the account without a break. */
const BUSY_PAUSE = SECOND / 4;

let refreshing = null;
let isStale = false;
let timer;

/** Fetches and shows the account. Changes that arrive meanwhile lead to one more refresh. */
async function refresh() {
  if (refreshing) {
    isStale = true;
    return refreshing;
  }
  refreshing = (async () => {
    try {
      do {
        if (isStale) await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE));
        isStale = false;
        await show(await get(''));
      } while (isStale);
      showConnection(true);
    } catch (error) {
      report(error);
    }
  })();
  await refreshing;
  refreshing = null;
  schedule();
}

function schedule() {
  clearTimeout(timer);
  // One second later, because the expiry itself belongs to neither state for certain.
  timer = setTimeout(refresh, Math.min(IDLE_REFRESH, tokens.nextExpiry() + SECOND));
}

async function show(overview) {
  clock.synchronise(overview.now);
  document.title = `${overview.account} · ${overview.title} sandbox`;
  byId('platform').textContent = `${overview.title} sandbox · account ${overview.account}`;
  byId('base-url').textContent = overview['base-url'];
  byId('others').hidden = overview.others.length === 0;
  reconcile(byId('others').firstElementChild, overview.others, ({ url }) => url, ({ title, url }) => {
    return element('li', {}, element('a', { href: url }, title));
  });
  governance.update(overview);
  await Promise.all([tokens.update(overview), slots.update(overview), roles.update(overview)]);
}

function showConnection(isOpen) {
  const banner = byId('connection');
  banner.hidden = isOpen;
  if (!isOpen) banner.textContent = 'The connection to the sandbox is lost. The page shows the last known account, and reconnects by itself.';
}

function report(error) {
  const banner = byId('connection');
  banner.hidden = false;
  banner.textContent = error.message;
}

clock.start(report);
tokens.start(report);
audit.start();
faults.start(report);
byId('copy-base-url').addEventListener('click', () => copyText(byId('base-url')));
subscribe(
  {
    audit: audit.add,
    fault: faults.add,
    clock: ({ now }) => {
      clock.synchronise(now);
      refresh();
    },
    change: refresh,
  },
  (isOpen) => {
    showConnection(isOpen);
    if (isOpen) Promise.all([refresh(), audit.load(), faults.load()]).catch(report);
  },
);
refresh();
