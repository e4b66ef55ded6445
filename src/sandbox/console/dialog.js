// The two dialogs: a form, which also asks for confirmation, and the one that shows a value once.

import { announce } from './announce.js';
import { button, byId, element, focusHeading } from './dom.js';
import { DAY, fromInput, minutes, toInput } from './time.js';

/** Presets for an instant: the label and the distance from now. */
const PRESETS = [['1 day', 1], ['30 days', 30], ['90 days', 90], ['1 year', 365]];

/**
 * Shows a form. `send(values)` performs the request; if it fails, its message is shown and the form stays open. Resolves
 * to what `send` returns, or to `undefined` if the user cancels.
 *
 * A field is `{ name, type, label, required, help, choices, value, suggestions, optional }`, where `type` is one of `text`,
 * `instant`, `duration`, `choice`, `boolean` and `number`. Fields left empty are not part of `values`.
 */
export function ask({ title, text, fields = [], submit, isDangerous = false, now, send }) {
  const [dialog, error, submitButton] = [byId('form-dialog'), byId('form-error'), byId('form-submit')];
  const form = dialog.querySelector('form');
  byId('form-title').textContent = title;
  byId('form-text').textContent = text ?? '';
  byId('form-text').hidden = !text;
  byId('form-fields').replaceChildren(...fields.map((field) => fieldElement(field, now)));
  submitButton.textContent = submit;
  submitButton.classList.toggle('danger', isDangerous);
  error.hidden = true;
  // Only then is the text read when the dialog opens, with no field to jump to.
  if (text) dialog.setAttribute('aria-describedby', 'form-text');
  else dialog.removeAttribute('aria-describedby');

  const section = document.activeElement.closest('section');
  return new Promise((resolve) => {
    const listeners = new AbortController();
    const { signal } = listeners;
    let result;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (submitButton.disabled) return;
      submitButton.disabled = true;
      error.hidden = true;
      try {
        result = await send(valuesOf(form, fields));
        dialog.close();
      } catch (failure) {
        error.textContent = failure.message;
        error.hidden = false;
      } finally {
        submitButton.disabled = false;
      }
    }, { signal });
    byId('form-cancel').addEventListener('click', () => dialog.close(), { signal });
    dialog.addEventListener('close', () => {
      listeners.abort();
      byId('form-fields').replaceChildren();
      // The browser returns the focus to the button that opened the dialog, unless a refresh has removed it.
      if (document.activeElement === document.body) focusHeading(section);
      resolve(result);
    }, { signal });
    dialog.showModal();
    focusFirst(form, fields, isDangerous);
  });
}

/** A dangerous action starts on Cancel, so that Enter alone changes nothing. */
function focusFirst(form, fields, isDangerous) {
  const first = fields.length > 0 ? form.querySelector('#form-fields :is(input, select)') : null;
  (first ?? byId(isDangerous ? 'form-cancel' : 'form-submit')).focus();
}

function fieldElement(field, now) {
  const id = `field-${field.name}`;
  const help = [field.help, field.type === 'instant' ? 'In UTC.' : null].filter(Boolean).join(' ');
  const control = controlOf(field, id, help ? `${id}-help` : null);
  const label = element('label', { for: id }, field.label ?? labelOf(field.name), field.required ? null : element('span', { className: 'optional' }, ' optional'));
  const extras = [];
  if (field.type === 'instant' && now !== undefined) extras.push(presets(control, now));
  if (field.suggestions) {
    control.setAttribute('list', `${id}-list`);
    extras.push(element('datalist', { id: `${id}-list` }, ...field.suggestions.map((value) => element('option', { value }))));
  }
  if (help) extras.push(element('p', { id: `${id}-help`, className: 'help' }, help));
  const isCheckbox = field.type === 'boolean';
  return element('div', { className: isCheckbox ? 'field checkbox' : 'field' }, ...(isCheckbox ? [control, label] : [label, control]), ...extras);
}

function controlOf(field, id, describedBy) {
  const common = { id, name: field.name, required: Boolean(field.required) && field.type !== 'boolean', 'aria-describedby': describedBy };
  switch (field.type) {
    case 'choice': {
      const options = field.required ? [] : [element('option', { value: '' }, 'Default')];
      options.push(...field.choices.map((choice) => {
        const [value, text] = Array.isArray(choice) ? choice : [choice, choice];
        return element('option', { value, selected: value === field.value }, text);
      }));
      return element('select', common, ...options);
    }
    case 'boolean':
      return element('input', { ...common, type: 'checkbox', checked: field.value === true });
    case 'instant':
      return element('input', { ...common, type: 'datetime-local', step: '1', value: field.value ?? '' });
    case 'number':
      return element('input', { ...common, type: 'number', min: field.min ?? 0, value: field.value ?? '' });
    default:
      return element('input', {
        ...common, type: 'text', value: field.value ?? '', autocomplete: 'off', spellcheck: false,
        placeholder: field.type === 'duration' ? 'for example 90d' : '',
      });
  }
}

function presets(input, now) {
  const buttons = PRESETS.map(([label, days]) => button(label, () => {
    input.value = toInput(now + days * DAY);
    announce(minutes(now + days * DAY));
  }, { className: 'quiet' }));
  return element('div', { className: 'buttons presets', role: 'group', 'aria-label': 'Presets' }, ...buttons);
}

/** `expires-at` becomes `Expires at`. */
function labelOf(name) {
  const words = name.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function valuesOf(form, fields) {
  const values = {};
  for (const { name, type } of fields) {
    const control = form.elements.namedItem(name);
    if (type === 'boolean') values[name] = control.checked;
    else if (control.value === '') continue;
    else if (type === 'instant') values[name] = fromInput(control.value);
    else if (type === 'number') values[name] = Number(control.value);
    else values[name] = control.value;
  }
  return values;
}

/**
 * Shows a value until the user is done, then removes it from the page. `value` is a text, or an object of texts with their
 * labels. Escape does not close the dialog, because the value could not be shown again.
 */
export function showOnce(title, value) {
  const dialog = byId('value-dialog');
  byId('value-title').textContent = title;
  const values = typeof value === 'string' ? { Value: value } : value;
  byId('values').replaceChildren(...Object.entries(values).map(valueElement));
  return new Promise((resolve) => {
    const listeners = new AbortController();
    const { signal } = listeners;
    byId('value-done').addEventListener('click', () => {
      // The event `close` comes later.
      byId('values').replaceChildren();
      dialog.close();
    }, { signal });
    dialog.addEventListener('cancel', (event) => event.preventDefault(), { signal });
    dialog.addEventListener('close', () => {
      listeners.abort();
      byId('values').replaceChildren();
      resolve();
    }, { signal });
    dialog.showModal();
    byId('values').querySelector('button').focus();
  });
}

function valueElement([name, value]) {
  const text = element('code', { className: 'value', tabIndex: 0 }, value);
  const copy = button('Copy', () => copyText(text), { context: name.toLowerCase() });
  return element('div', { className: 'value-row' }, element('p', { className: 'value-name' }, name), text, copy);
}

/** Copies the text of an element. Without access to the clipboard, selects it for the user to copy. */
export async function copyText(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    announce('Copied.');
  } catch {
    getSelection().selectAllChildren(source);
    announce('Selected. Copy it with the keyboard.');
  }
}
