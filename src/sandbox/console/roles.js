// Roles with their policies, and the subjects that they are assigned to.

import { announce } from './announce.js';
import { get, put, remove, segment } from './api.js';
import { ask } from './dialog.js';
import { button, byId, element, reconcile } from './dom.js';

const SUBJECT_TYPES = [
  ['service-token', 'Service token, by its access key'],
  ['user-email', 'User, by e-mail address'],
  ['group', 'Group'],
  ['domain', 'Domain'],
];

/** Shows the roles, on the platform that has them. */
export async function update(overview) {
  const hasRoles = overview.platform === 'startree';
  byId('roles').hidden = !hasRoles;
  if (!hasRoles) return;
  const roles = await get('/roles');
  reconcile(byId('role-list'), roles, ({ name }) => name, card);
}

function card(role) {
  const assignments = role.assignments.map((assignment) => element(
    'li', {},
    element('span', { className: 'chip' }, assignment['subject-type']),
    element('code', {}, assignment.subject),
    button('Remove…', () => removeAssignment(role, assignment), { context: `${assignment.subject} from ${role.name}`, className: 'quiet' }),
  ));
  const policies = role.policies.map((policy) => element('span', { className: 'chip' }, policy.name ?? policy));
  return element(
    'li', { className: 'card' },
    element('div', { className: 'card-header' }, element('h3', {}, role.name), button('Assign…', () => assign(role), { context: role.name })),
    role.description ? element('p', { className: 'note' }, role.description) : null,
    policies.length > 0 ? element('p', { className: 'policies' }, 'Policies ', ...policies) : null,
    assignments.length > 0 ? element('ul', { className: 'assignments' }, ...assignments) : element('p', { className: 'empty' }, 'Assigned to no one.'),
  );
}

const pathOf = (role, type, subject) => `/roles/${segment(role.name)}/assignments/${segment(type)}/${segment(subject)}`;

async function assign(role) {
  const answer = await ask({
    title: `Assign ${role.name}`,
    fields: [
      { name: 'subject-type', label: 'Subject type', type: 'choice', required: true, choices: SUBJECT_TYPES },
      { name: 'subject', type: 'text', required: true },
    ],
    submit: 'Assign',
    send: async (fields) => (await put(pathOf(role, fields['subject-type'], fields.subject))) ?? {},
  });
  if (answer !== undefined) announce(`${role.name} was assigned.`);
}

async function removeAssignment(role, { 'subject-type': type, subject }) {
  const answer = await ask({
    title: `Remove ${subject} from ${role.name}?`,
    text: 'Requests of the subject that need this role are rejected from now on.',
    submit: 'Remove',
    isDangerous: true,
    send: async () => (await remove(pathOf(role, type, subject))) ?? {},
  });
  if (answer !== undefined) announce(`${subject} was removed from ${role.name}.`);
}
