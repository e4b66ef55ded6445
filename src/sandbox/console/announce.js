// Reports results to screen readers.

import { byId } from './dom.js';

/** Announcements within this time are joined, so that a fast series stays intelligible. */
const PAUSE = 400;
/** The announcements of a series that are read in full. */
const MAX_READ = 3;

let waiting = new Set();

/** Announces a result, when the screen reader is idle. */
export function announce(text) {
  waiting.add(text);
  if (waiting.size > 1) return;
  setTimeout(() => {
    const [read, more] = [[...waiting].slice(0, MAX_READ), waiting.size - MAX_READ];
    byId('announcer').textContent = [...read, ...(more > 0 ? [`And ${more} more.`] : [])].join(' ');
    waiting = new Set();
  }, PAUSE);
}
