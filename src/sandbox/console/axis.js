// The time axis of the tokens: its range, ticks, and the position of each token's bar. Pure functions.

import { DAY, HOUR, parse } from './time.js';

/** The part of the range that stays free at each end, so that no bar touches the edge. */
const MARGIN = 0.04;
const SHORTEST = HOUR;

/** The steps between ticks: the length in milliseconds, or in calendar months. */
const STEPS = [
  { length: HOUR / 4 },
  { length: HOUR },
  { length: 3 * HOUR },
  { length: 6 * HOUR },
  { length: DAY },
  { length: 2 * DAY },
  { length: 7 * DAY },
  { length: 14 * DAY },
  { months: 1 },
  { months: 3 },
  { months: 6 },
  { months: 12 },
  { months: 60 },
  { months: 120 },
];

/** The first and last instant of a token's bar. `to` is null if the token does not expire. */
export function lifetime(token) {
  const end = token['ended-at'] ?? token['expires-at'];
  const to = end ? parse(end) : null;
  // A token of a test may be created with an expiry in the past.
  return { from: Math.min(parse(token['created-at']), to ?? Infinity), to };
}

/**
 * The axis that shows all of these tokens and `now`; or, with `days`, that many days, mostly of the future. It has at most
 * `maxTicks` ticks.
 */
export function axisOf(tokens, now, days, maxTicks) {
  if (days) return withTicks(now - (days * DAY) / 4, now + (days * DAY * 3) / 4, maxTicks);
  const bars = tokens.map(lifetime);
  const instants = bars.flatMap(({ from, to }) => (to === null ? [from] : [from, to]));
  const [first, last] = [Math.min(now, ...instants), Math.max(now, ...instants)];
  // A token that does not expire reaches beyond now.
  const openEnd = bars.some(({ to }) => to === null) ? (now - first) / 4 : 0;
  const start = Math.min(first, now - SHORTEST / 2);
  const end = Math.max(last, now + openEnd, now + SHORTEST / 2);
  const margin = (end - start) * MARGIN;
  return withTicks(start - margin, end + margin, maxTicks);
}

function withTicks(start, end, maxTicks) {
  return { start, end, ticks: ticks(start, end, maxTicks) };
}

/** The position of an instant in per cent of the axis' width. It is outside 0 to 100 for instants outside the range. */
export const position = (axis, at) => ((at - axis.start) / (axis.end - axis.start)) * 100;

/** The position of a token's bar, cut at the ends of the axis; null if it lies outside. */
export function barOf(axis, token) {
  const { from, to } = lifetime(token);
  const [left, right] = [position(axis, from), to === null ? 100 : position(axis, to)];
  if (right < 0 || left > 100) return null;
  return { left: Math.max(left, 0), right: Math.min(right, 100), cutLeft: left < 0, cutRight: to === null || right > 100 };
}

function ticks(start, end, maxTicks) {
  for (const step of STEPS) {
    const instants = instantsOf(step, start, end, maxTicks + 1);
    if (instants.length <= maxTicks) return instants.map((at) => ({ at, label: label(at, step) }));
  }
  return [];
}

/** The first `limit` multiples of a step in this range. */
function instantsOf(step, start, end, limit) {
  const instants = [];
  const startDate = new Date(start);
  const months = startDate.getUTCFullYear() * 12 + startDate.getUTCMonth();
  let count = step.months ? Math.floor(months / step.months) : Math.floor(start / step.length);
  for (; instants.length < limit; count += 1) {
    const at = step.months ? monthStart(count * step.months) : count * step.length;
    if (at > end) break;
    if (at >= start) instants.push(at);
  }
  return instants;
}

/** The first instant of the month with this number, counted from the year 0. */
const monthStart = (months) => Date.UTC(Math.floor(months / 12), months % 12);

function label(at, step) {
  const iso = new Date(at).toISOString();
  if (step.months >= 12) return iso.slice(0, 4);
  const [month, day] = [MONTHS[new Date(at).getUTCMonth()], new Date(at).getUTCDate()];
  if (step.months) return `${month} ${iso.slice(0, 4)}`;
  if (step.length >= DAY || iso.slice(11, 16) === '00:00') return `${day} ${month}`;
  return iso.slice(11, 16);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
