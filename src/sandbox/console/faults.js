// Faults: those that wait for a request, those that occurred, and the form that injects one.

import { announce } from './announce.js';
import { get, post, remove } from './api.js';
import { ask } from './dialog.js';
import { byId, element, reconcile } from './dom.js';
import { parse, seconds } from './time.js';

/** The faults that occurred and are shown. */
const MAX_STRUCK = 100;

/** What can go wrong: the choice of the form, its text, and the effect for the API. */
const EFFECTS = [
  ['503', 'Answer 503 Service Unavailable', { answer: { status: 503 } }],
  ['500', 'Answer 500 Internal Server Error', { answer: { status: 500 } }],
  ['429', 'Answer 429, retry after 5 seconds', { answer: { status: 429, headers: { 'retry-after': '5' } } }],
  ['401', 'Answer 401 Unauthorized', { answer: { status: 401 } }],
  ['403', 'Answer 403 Forbidden', { answer: { status: 403 } }],
  ['cut', 'Close the connection without an answer', 'cut'],
  ['truncate', 'Close the connection in the middle of the answer', 'truncate'],
  ['hang', 'Never answer', 'hang'],
  ['delay', 'Delay the answer by 5 seconds', { delay: '5s' }],
];

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

let struck = [];

export function start(onError) {
  byId('inject-fault').addEventListener('click', () => inject().catch(onError));
  byId('clear-faults').addEventListener('click', async () => {
    await remove('/faults').then(load).catch(onError);
    announce('Pending faults were cleared.');
  });
}

/** Fetches the faults. */
export async function load() {
  const [pending, occurred] = await Promise.all([get('/faults'), get('/faults/struck')]);
  struck = occurred;
  showPending(pending);
  showStruck();
}

/** Adds a fault of the event stream. */
export function add(fault) {
  struck = [...struck, fault].slice(-MAX_STRUCK);
  announce(`A fault occurred: ${effectText(fault.effect)}, ${fault.method} ${fault.path}.`);
  showStruck();
  // Its count of requests has changed.
  get('/faults').then(showPending, () => {});
}

async function inject() {
  const calls = await get('/calls');
  const answer = await ask({
    title: 'Inject a fault',
    text: 'It affects requests of the API, for example of Terraform, but not of this console.',
    fields: [
      { name: 'effect', type: 'choice', required: true, choices: EFFECTS },
      { name: 'method', type: 'choice', choices: METHODS, help: 'Default: any method.' },
      { name: 'path', type: 'text', suggestions: pathsOf(calls), help: 'Relative to the base URL. Empty: any path.' },
      { name: 'when', type: 'choice', required: true, choices: [['before', 'Before the platform acts: nothing changes'], ['after', 'After the platform has acted: the answer is lost']] },
      { name: 'times', type: 'number', label: 'Requests affected', min: 1, value: 1, required: true },
      { name: 'skip', type: 'number', label: 'Matching requests to leave alone first', min: 0, value: 0, required: true },
    ],
    submit: 'Inject',
    send: async ({ effect, ...fields }) => (await post('/faults', { ...fields, effect: EFFECTS.find(([name]) => name === effect)[2] })) ?? {},
  });
  if (answer === undefined) return;
  announce('The fault waits for a request.');
  await load();
}

/** The paths of the requests so far, as suggestions. The keys are `METHOD /path`. */
function pathsOf(calls) {
  const paths = Object.keys(calls).map((call) => call.replace(/^[A-Z]+ /, ''));
  return [...new Set(paths)].sort().slice(0, 50);
}

function showPending(faults) {
  const numbered = faults.map((fault, number) => ({ fault, number }));
  reconcile(byId('pending-faults'), numbered, ({ number }) => number, ({ fault }) => element(
    'li', { className: 'entry' },
    element('p', { className: 'entry-action' }, element('strong', {}, effectText(fault.effect))),
    element('p', { className: 'detail' }, [
      `${fault.method ?? 'Any method'} ${fault.path ?? 'any path'}`,
      fault.when === 'after' ? 'after the platform has acted' : 'before the platform acts',
      `${fault.times ?? 1} ${fault.times === 1 ? 'request' : 'requests'}${fault.skip ? ` after ${fault.skip}` : ''}`,
    ].join(' · ')),
  ));
  byId('no-pending-faults').hidden = faults.length > 0;
  byId('clear-faults').disabled = faults.length === 0;
}

function showStruck() {
  const newestFirst = struck.map((fault, number) => ({ fault, number })).reverse();
  reconcile(byId('struck-faults'), newestFirst, ({ fault, number }) => `${fault.at} ${number}`, ({ fault }) => element(
    'li', { className: 'entry' },
    element('p', { className: 'entry-action' }, element('strong', {}, effectText(fault.effect))),
    element('p', { className: 'detail' }, element('time', { dateTime: fault.at }, seconds(parse(fault.at))), ` · ${fault.method} ${fault.path}`),
  ));
  byId('no-struck-faults').hidden = struck.length > 0;
}

function effectText(effect) {
  if (effect === 'cut') return 'Connection closed';
  if (effect === 'truncate') return 'Answer truncated';
  if (effect === 'hang') return 'No answer';
  if (effect.answer) return `Answer ${effect.answer.status}`;
  if (effect.delay) return `Delay of ${effect.delay}`;
  return JSON.stringify(effect);
}
