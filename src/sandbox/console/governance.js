// The quota, and the switches of the account.

import { announce } from './announce.js';
import { put, segment } from './api.js';
import { ask } from './dialog.js';
import { byId, element, reconcile } from './dom.js';

/** The largest quota that is drawn as one box per place. */
const MAX_BOXES = 12;

export function update(overview) {
  const { quota, switches } = overview;
  byId('governance').hidden = !quota && switches.length === 0;
  reconcile(byId('quota'), quota ? [quota] : [], () => 'quota', quotaElement);
  reconcile(byId('switches'), switches, (item) => item.name, switchElement);
}

function quotaElement({ used, limit, of }) {
  const text = element('p', {}, element('strong', {}, `${used} of ${limit}`), ` ${of}`);
  const free = limit - used;
  const note = element('p', { className: 'note' }, free > 0 ? `${free} free` : 'None free: a creation is refused');
  return element('div', { className: 'quota-content' }, limit <= MAX_BOXES ? boxes(used, limit) : null, element('div', {}, text, note));
}

function boxes(used, limit) {
  const places = Array.from({ length: limit }, (_, place) => element('span', { className: place < used ? 'box used' : 'box' }));
  return element('div', { className: 'boxes', 'aria-hidden': 'true' }, ...places);
}

function switchElement(item) {
  const id = `switch-${item.name}`;
  const control = element('button', { type: 'button', role: 'switch', id, className: 'switch', 'aria-checked': item.on }, element('span', { className: 'knob' }));
  control.setAttribute('aria-labelledby', `${id}-title`);
  control.addEventListener('click', () => flip(item));
  const state = element('span', { className: 'note', 'aria-hidden': 'true' }, item.on ? 'On' : 'Off');
  return element('div', { className: 'switch-row' }, control, element('span', { id: `${id}-title` }, item.title), state);
}

async function flip(item) {
  const verb = item.on ? 'Disable' : 'Enable';
  const answer = await ask({
    title: `${verb} ${item.title.toLowerCase()}?`,
    text: item.warning,
    submit: verb,
    isDangerous: true,
    send: async () => (await put(`/switches/${segment(item.name)}`, { on: !item.on })) ?? {},
  });
  if (answer !== undefined) announce(`${item.title}: ${item.on ? 'off' : 'on'}.`);
}
