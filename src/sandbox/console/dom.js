// Creates and updates elements. All content is inserted as text, because names come from clients of the API.

/** Returns the element with this id. */
export const byId = (id) => document.getElementById(id);

/** Creates an element. `properties` are assigned to it; keys with a hyphen, `role` and `for` become attributes. */
export function element(name, properties = {}, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key.includes('-') || key === 'role' || key === 'for') created.setAttribute(key, value);
    else if (key === 'dataset') Object.assign(created.dataset, value);
    else created[key] = value;
  }
  created.append(...children.filter((child) => child !== null && child !== undefined));
  return created;
}

/** Text for screen readers only. */
export const hidden = (text) => element('span', { className: 'hidden' }, text);

/** A button; `context` completes its label for screen readers, such as the token's name. */
export function button(label, onClick, { context, ...properties } = {}) {
  const created = element('button', { type: 'button', ...properties }, label, context ? hidden(` ${context}`) : null);
  created.addEventListener('click', onClick);
  return created;
}

/** A time, with the exact instant in its title. */
export const timeElement = (text, instant) => element('time', { dateTime: instant, title: instant }, text);

/**
 * Makes the children of `container` those of `items`. Elements of items with the same key are kept, so that focus stays
 * where it is. `render(item)` returns the element, and is called only if the item has changed.
 */
export function reconcile(container, items, key, render) {
  const old = new Map([...container.children].map((child) => [child.dataset.key, child]));
  let next = container.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    const version = JSON.stringify(item);
    let child = old.get(id);
    old.delete(id);
    if (!child || child.dataset.version !== version) {
      const created = render(item);
      Object.assign(created.dataset, { key: id, version });
      if (child) {
        replaceKeepingFocus(child, created);
        if (next === child) next = created;
      }
      child = created;
    }
    if (child === next) next = next.nextElementSibling;
    else container.insertBefore(child, next);
  }
  for (const child of old.values()) {
    const hadFocus = child.contains(document.activeElement);
    const section = child.closest('section');
    child.remove();
    if (hadFocus) focusHeading(section);
  }
}

/** Focuses the heading of a section, when the element that had the focus is gone. */
export const focusHeading = (section) => section?.querySelector('h2')?.focus();

/** Replaces an element. If one of its buttons has the focus, the same button of the new element receives it. */
function replaceKeepingFocus(before, after) {
  const focused = before.contains(document.activeElement) ? document.activeElement.textContent : null;
  before.replaceWith(after);
  if (focused === null) return;
  const same = [after, ...after.querySelectorAll('button')].find(({ localName, textContent }) => localName === 'button' && textContent === focused);
  if (same) same.focus();
  else focusHeading(after.closest('section'));
}
