// The audit log, newest entry first.

import { announce } from './announce.js';
import { get } from './api.js';
import { byId, element, reconcile } from './dom.js';
import { parse, seconds } from './time.js';

/** The entries that are kept and shown. */
const MAX_ENTRIES = 200;

const SOURCES = { api: 'API', console: 'this console', control: 'control API', clock: 'clock' };

/** The entries, oldest first. */
let entries = [];
/** The entries of the event stream that arrive while the log is fetched. */
let arrived = [];
let isPaused = false;
/** Whether a drawing is scheduled: a series of entries is drawn once. */
let isScheduled = false;

export function start() {
  byId('audit-filter').addEventListener('change', show);
  const pause = byId('audit-pause');
  pause.addEventListener('click', () => {
    isPaused = !isPaused;
    pause.setAttribute('aria-pressed', isPaused);
    if (!isPaused) show();
  });
}

/** Fetches the log. */
export async function load() {
  arrived = [];
  entries = (await get(`/audit?limit=${MAX_ENTRIES}`)).entries;
  arrived.forEach(keep);
  show();
}

/** Adds an entry of the event stream. */
export function add(entry) {
  arrived.push(entry);
  arrived = arrived.slice(-MAX_ENTRIES);
  if (!keep(entry)) return;
  if (entry.source === 'api') announce(`${entry.actor ?? 'A client'}: ${entry.action} ${entry.target}, ${outcome(entry)}.`);
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    show();
  });
}

/** Adds an entry, unless it is known already. */
function keep(entry) {
  if (entry.sequence <= (entries.at(-1)?.sequence ?? -1)) return false;
  entries = [...entries, entry].slice(-MAX_ENTRIES);
  return true;
}

const isRefused = ({ outcome }) => outcome !== null && outcome >= 400;

function outcome(entry) {
  return isRefused(entry) ? `refused with ${entry.outcome}` : 'done';
}

function show() {
  if (isPaused) return;
  const filter = byId('audit-filter').value;
  const isShown = { all: () => true, refused: isRefused }[filter] ?? (({ source }) => source === filter);
  const visible = entries.filter(isShown).reverse();
  reconcile(byId('audit-list'), visible, ({ sequence }) => sequence, entryElement);
  byId('no-audit').hidden = visible.length > 0;
  byId('no-audit').textContent = entries.length === 0 ? 'No request has changed the account yet.' : 'No entry matches the filter.';
}

function entryElement(entry) {
  const at = seconds(parse(entry.at));
  const actor = entry.actor === 'console' ? null : entry.actor;
  const who = [actor, entry.client, SOURCES[entry.source] ?? entry.source];
  return element(
    'li', { className: 'entry', dataset: { outcome: isRefused(entry) ? 'refused' : 'done', source: entry.source } },
    element('p', { className: 'entry-action' }, element('strong', {}, entry.action), ` ${entry.target}`),
    element('p', { className: 'entry-outcome' }, outcome(entry)),
    element('p', { className: 'detail' }, element('time', { dateTime: entry.at, title: at }, at), ...who.filter(Boolean).flatMap((part) => [' · ', part])),
  );
}
