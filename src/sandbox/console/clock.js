// The sandbox's clock: its display, and the buttons that move it.

import { announce } from './announce.js';
import { post } from './api.js';
import { ask } from './dialog.js';
import { button, byId } from './dom.js';
import { MINUTE, SECOND, duration, fromInput, minutes, parse, seconds, toInput } from './time.js';

/** The distances of the buttons: the label, its text for screen readers, and the duration for the API. */
const STEPS = [['+1 h', '1 hour', '1h'], ['+1 d', '1 day', '1d'], ['+14 d', '14 days', '14d'], ['+90 d', '90 days', '90d']];

/** The sandbox's time minus the time of the monotonic clock. */
let offset = Date.now() - performance.now();

/** The sandbox's time in milliseconds since 1970. */
export const now = () => performance.now() + offset;

/** Sets the displayed time to one that the sandbox reported just now. */
export function synchronise(instant) {
  offset = parse(instant) - performance.now();
  show();
}

/** Shows the clock. `onError(error)` is called for moves that fail. */
export function start(onError) {
  const move = async (body) => {
    const answer = await post('/clock', body);
    synchronise(answer.now);
    announce(`The sandbox's clock is at ${minutes(parse(answer.now))}.`);
    return answer;
  };
  const steps = STEPS.map(([label, name, advance]) => {
    return button(label, () => move({ advance }).catch(onError), { context: `advances the clock by ${name}` });
  });
  const set = button('Set…', () => ask({
    title: 'Set the clock',
    text: 'Tokens expire by this clock.',
    fields: [{ name: 'now', label: 'Time', type: 'instant', required: true, value: toInput(now()) }],
    submit: 'Set',
    send: (fields) => move({ now: fields.now }),
  }));
  byId('clock-buttons').replaceChildren(...steps, set);
  setInterval(show, SECOND);
  show();
}

function show() {
  const at = now();
  const display = byId('clock-time');
  display.textContent = seconds(at);
  display.dateTime = fromInput(toInput(at));
  const ahead = at - Date.now();
  const isSame = Math.abs(ahead) < MINUTE;
  byId('clock-offset').textContent = isSame
    ? 'The time of this machine'
    : `${duration(ahead)} ${ahead > 0 ? 'ahead of' : 'behind'} this machine`;
}
