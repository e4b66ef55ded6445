// The actions on tokens: what a person can do in the platform's portal.

import { announce } from './announce.js';
import { post, remove, segment } from './api.js';
import { now } from './clock.js';
import { consequence } from './consequences.js';
import { ask, showOnce } from './dialog.js';

const LABELS = { rotate: 'Rotate', revoke: 'Revoke', activate: 'Activate', deactivate: 'Deactivate' };
const RESULTS = { rotate: 'rotated', revoke: 'revoked', activate: 'activated', deactivate: 'deactivated' };

export const labelOf = (action) => LABELS[action] ?? action;

/** Asks for a token's fields, creates it and shows its value. */
export async function create(kind) {
  const answer = await ask({
    title: `Create ${kind.title.toLowerCase()}`,
    fields: kind.create,
    submit: 'Create',
    now: now(),
    send: (fields) => post('/tokens', { kind: kind.kind, ...fields }),
  });
  if (answer === undefined) return;
  announce(`${answer.token.name} was created.`);
  await showValue(`Value of ${answer.token.name}`, answer);
}

/** Asks for confirmation, performs the action and, after a rotation, shows the new value. */
export async function perform(action, token, overview) {
  const kind = overview.kinds.find((candidate) => candidate.kind === token.kind);
  const answer = await ask({
    title: `${labelOf(action)} ${token.name}?`,
    text: consequence(overview.platform, action),
    fields: action === 'rotate' ? rotationFields(kind, token) : [],
    submit: labelOf(action),
    isDangerous: action !== 'activate',
    now: now(),
    send: async (fields) => {
      const path = `/tokens/${segment(token.id)}`;
      // A revocation has no content.
      return (await (action === 'revoke' ? remove(path) : post(`${path}/${action}`, fields))) ?? {};
    },
  });
  if (answer === undefined) return;
  announce(`${token.name} was ${RESULTS[action]}.`);
  if (action === 'rotate') await showValue(`New value of ${token.name}`, answer);
}

/** A rotation may set another expiry if a creation may set one. */
function rotationFields(kind, token) {
  const expiry = token['expires-at'] && kind?.create.find((field) => field.name === 'expires-at');
  return expiry ? [{ ...expiry, required: false }] : [];
}

/** Shows the value of an answer, and removes it from the answer, so that the dialog alone has it. */
async function showValue(title, answer) {
  const { value } = answer;
  delete answer.value;
  if (value) await showOnce(title, value);
}
