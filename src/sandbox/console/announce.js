// Reports results to screen readers.

import { byId } from './dom.js';

/** Announcements within this time are joined, so that a fast series stays intelligible. */
const PAUSE = 400;

let waiting = [];

/** Announces a result, when the screen reader is idle. */
export function announce(text) {
  waiting.push(text);
  if (waiting.length > 1) return;
  setTimeout(() => {
    byId('announcer').textContent = [...new Set(waiting)].join(' ');
    waiting = [];
  }, PAUSE);
}
