// The two streaming tokens of each environment, side by side.

import { labelOf, perform } from './actions.js';
import { get } from './api.js';
import { button, byId, element, reconcile, timeElement } from './dom.js';
import { minutes, parse } from './time.js';

const KIND = 'streaming-token';
/** The environments that are shown; all are in the table. */
const MAX_ENVIRONMENTS = 24;

/** Shows the environments, on platforms that have them. */
export async function update(overview) {
  const hasSlots = overview.kinds.some(({ kind }) => kind === KIND);
  byId('slots').hidden = !hasSlots;
  if (!hasSlots) return;
  const { tokens } = await get(`/tokens?kind=${KIND}&limit=500`);
  const environments = environmentsOf(tokens);
  reconcile(byId('slot-list'), environments.slice(0, MAX_ENVIRONMENTS), ({ name }) => name, (environment) => card(environment, overview));
  const note = byId('slots-note');
  note.hidden = environments.length <= MAX_ENVIRONMENTS;
  note.textContent = `The first ${MAX_ENVIRONMENTS} environments. The table has all of them.`;
}

/** Groups the valid tokens by environment. */
function environmentsOf(tokens) {
  const environments = new Map();
  for (const token of tokens.filter(({ slot }) => slot)) {
    const name = token.details?.workspace ?? token.name;
    if (!environments.has(name)) environments.set(name, { name, slots: [] });
    environments.get(name).slots.push(token);
  }
  for (const { slots } of environments.values()) slots.sort((left, right) => left.slot - right.slot);
  return [...environments.values()];
}

function card({ name, slots }, overview) {
  const rotatable = slots.find(({ actions }) => actions?.includes('rotate'));
  const places = slots.map((token) => element(
    'li', { className: 'slot' },
    element('span', { className: 'slot-name' }, `Token ${token.slot}`),
    element('span', { className: 'detail' }, 'since ', timeElement(minutes(parse(token['created-at'])), token['created-at'])),
  ));
  return element(
    'li', { className: 'card' },
    element('div', { className: 'card-header' }, element('h3', {}, name),
      rotatable ? button(`${labelOf('rotate')}…`, () => perform('rotate', rotatable, overview), { context: name }) : null),
    element('ol', { className: 'slots' }, ...places),
  );
}
