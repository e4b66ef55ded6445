// Instants and distances of time as text. All instants are shown in UTC, as the platforms' APIs have them.

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Milliseconds since 1970 of an instant in RFC 3339. */
export const parse = (instant) => Date.parse(instant);

/** `2026-11-29 02:02 UTC`. */
export const minutes = (at) => `${iso(at).slice(0, 16)} UTC`;

/** `2026-11-29 02:02:31 UTC`. */
export const seconds = (at) => `${iso(at).slice(0, 19)} UTC`;

const iso = (at) => new Date(at).toISOString().replace('T', ' ');

/** The value of an input of the type `datetime-local` for an instant, in UTC. */
export const toInput = (at) => new Date(at).toISOString().slice(0, 19);

/** The instant in RFC 3339 for the value of an input of the type `datetime-local`, in UTC. */
export const fromInput = (value) => new Date(`${value}Z`).toISOString().replace('.000Z', 'Z');

/** The units of a distance: the distance from which each is used, its length and name. */
const UNITS = [
  [730 * DAY, 365.25 * DAY, 'year'],
  [100 * DAY, 30.4375 * DAY, 'month'],
  [DAY, DAY, 'day'],
  [HOUR, HOUR, 'hour'],
  [MINUTE, MINUTE, 'minute'],
  [0, SECOND, 'second'],
];

function inLargestUnit(distance, round) {
  const [, length, unit] = UNITS.find(([from]) => Math.abs(distance) >= from);
  return [round(distance / length), unit];
}

const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'always' });

/** `in 3 days` or `5 minutes ago`: the time that is certainly left, or has certainly passed. */
export const relative = (at, now) => RELATIVE.format(...inLargestUnit(at - now, Math.trunc));

/** `3 days`. */
export function duration(length) {
  const [count, unit] = inLargestUnit(Math.abs(length), Math.round);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
