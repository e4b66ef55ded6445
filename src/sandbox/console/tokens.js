// The table of tokens: filter, search, pages, and a bar from creation to expiry for each token.

import { announce } from './announce.js';
import { create, labelOf, perform } from './actions.js';
import { get } from './api.js';
import { axisOf, barOf, lifetime, position } from './axis.js';
import { now } from './clock.js';
import { button, byId, element, hidden, reconcile, timeElement } from './dom.js';
import { STATES, symbol } from './state.js';
import { minutes, parse, relative } from './time.js';

/** The tokens of a page. */
const PAGE = 50;
/** The pause after a keystroke before the search starts. */
const TYPING_PAUSE = 200;
/** The width of the axis for each of its labels, in pixels. */
const TICK_WIDTH = 66;

const filter = { state: '', query: '', kind: '', span: 'fit', offset: 0 };

let overview = null;
let shown = { total: 0, tokens: [] };
/** Counts the requests, because an older one may be answered last. */
let latest = 0;

/** Connects the controls. `onError(error)` is called for requests that fail. */
export function start(onError) {
  const apply = (change) => {
    Object.assign(filter, { offset: 0 }, change);
    load().then(announceRange, onError);
  };
  const form = byId('token-filter');
  let typing;
  form.addEventListener('submit', (event) => event.preventDefault());
  form.elements.query.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => apply({ query: form.elements.query.value.trim() }), TYPING_PAUSE);
  });
  form.elements.kind.addEventListener('change', () => apply({ kind: form.elements.kind.value }));
  form.elements.span.addEventListener('change', () => {
    filter.span = form.elements.span.value;
    showTokens();
  });
  byId('state-filter').addEventListener('click', (event) => {
    const pressed = event.target.closest('button');
    if (pressed) apply({ state: pressed.dataset.filter });
  });
  byId('paging').addEventListener('click', (event) => {
    const { page } = event.target.dataset;
    if (page) apply({ offset: offsetOf(page) });
  });
  form.reset();
  new ResizeObserver(showTokens).observe(byId('axis'));
}

function offsetOf(page) {
  const last = Math.max(0, Math.ceil(shown.total / PAGE) - 1) * PAGE;
  return { first: 0, previous: Math.max(0, filter.offset - PAGE), next: Math.min(last, filter.offset + PAGE), last }[page];
}

/** Shows an overview, and fetches the tokens of the page. */
export async function update(newOverview) {
  overview = newOverview;
  showKinds();
  showStates();
  await load();
}

async function load() {
  const request = (latest += 1);
  const parameters = new URLSearchParams({ offset: filter.offset, limit: PAGE });
  for (const name of ['state', 'query', 'kind']) if (filter[name]) parameters.set(name, filter[name]);
  const page = await get(`/tokens?${parameters}`);
  if (request !== latest) return;
  shown = page;
  if (page.tokens.length === 0 && filter.offset > 0) {
    filter.offset = offsetOf('last');
    await load();
    return;
  }
  showStates();
  showTokens();
}

/** The time until a shown token expires, or enters another state; infinite if none will. */
export function nextExpiry() {
  const ends = shown.tokens.filter((token) => token['expires-at'] && !token['ended-at']).map((token) => parse(token['expires-at']) - now());
  return Math.min(...ends.filter((remaining) => remaining > 0));
}

function showKinds() {
  const { kinds } = overview;
  const creatable = kinds.filter((kind) => kind.create);
  reconcile(byId('create-buttons'), creatable, (kind) => kind.kind, (kind) => {
    return button(`Create ${kind.title.toLowerCase()}…`, () => create(kind), { className: kind === creatable[0] ? 'primary' : '' });
  });
  const select = byId('token-filter').elements.kind;
  select.closest('label').hidden = kinds.length < 2;
  reconcile(select, [{ kind: '', title: 'All kinds' }, ...kinds], (kind) => kind.kind, (kind) => {
    return element('option', { value: kind.kind }, kind.title);
  });
}

/** The counts of the states, which are also the filter and the legend. */
function showStates() {
  const { counts } = overview;
  const all = Object.keys(STATES).reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const items = [{ state: '', word: 'All', count: all }];
  for (const [state, { word }] of Object.entries(STATES)) items.push({ state, word, count: counts[state] ?? 0 });
  const withPressed = items.map((item) => ({ ...item, isPressed: item.state === filter.state }));
  reconcile(byId('state-filter'), withPressed, (item) => item.state, ({ state, word, count, isPressed }) => {
    const content = [state ? symbol(state) : null, element('span', {}, word), element('strong', {}, count.toLocaleString('en'))];
    return element('button', { type: 'button', 'aria-pressed': isPressed, dataset: { filter: state } }, ...content.filter(Boolean));
  });
}

function showTokens() {
  if (!overview) return;
  const { tokens, total } = shown;
  const at = now();
  const axis = axisOf(tokens, at, Number(filter.span), maxTicks());
  showAxis(axis, at);
  const body = byId('token-table').tBodies[0];
  reconcile(body, tokens, ({ id }) => id, row);
  tokens.forEach((token, index) => showTimes(body.rows[index], barOf(axis, token), distanceOf(token, at)));
  byId('token-table').hidden = tokens.length === 0;
  const empty = byId('no-tokens');
  empty.hidden = tokens.length > 0;
  const isFiltered = filter.state || filter.query || filter.kind;
  empty.textContent = isFiltered ? 'No token matches the filter.' : 'The account has no tokens. Create one here, or let Terraform do it.';
  byId('token-range').textContent = rangeText();
  const pages = byId('paging').querySelectorAll('[data-page]');
  for (const control of pages) {
    control.disabled = offsetOf(control.dataset.page) === filter.offset;
    control.hidden = total <= PAGE;
  }
}

const maxTicks = () => Math.max(2, Math.floor(byId('axis').clientWidth / TICK_WIDTH));

function rangeText() {
  const { total, tokens } = shown;
  if (tokens.length === 0) return '';
  const count = (number) => number.toLocaleString('en');
  return `${count(filter.offset + 1)}–${count(filter.offset + tokens.length)} of ${count(total)}`;
}

const announceRange = () => announce(shown.tokens.length === 0 ? byId('no-tokens').textContent : `Tokens ${rangeText()}.`);

function showAxis(axis, at) {
  const table = byId('token-table');
  const lines = axis.ticks.map((tick) => gridLine(position(axis, tick.at)));
  table.style.setProperty('--grid', lines.join(', ') || 'none');
  table.style.setProperty('--now', `${position(axis, at)}%`);
  const labels = axis.ticks.map((tick) => {
    const text = element('span', { className: 'tick' }, tick.label);
    text.style.left = `${position(axis, tick.at)}%`;
    return text;
  });
  const nowLabel = element('span', { className: 'now-label' }, 'now');
  nowLabel.style.left = `${position(axis, at)}%`;
  byId('axis').replaceChildren(...labels, nowLabel);
}

/** A vertical line of the background. */
const gridLine = (left) => `linear-gradient(var(--rule), var(--rule)) ${left}% 0 / 1px 100% no-repeat`;

/** The end of a token's validity. */
const endOf = (token) => token['ended-at'] ?? token['expires-at'];

/** The distance to the end of a token, which changes as time passes. */
const distanceOf = (token, at) => (endOf(token) ? relative(parse(endOf(token)), at) : 'Never');

/** The row of a token, without what changes as time passes. */
function row(token) {
  const cells = [nameCell(token), stateCell(token), lifetimeCell(token), endCell(token), actionsCell(token)];
  return element('tr', { role: 'row', dataset: { state: token.state } }, ...cells);
}

const cell = (className, ...children) => element('td', { role: 'cell', className }, ...children);

function nameCell(token) {
  const kind = overview.kinds.find((candidate) => candidate.kind === token.kind);
  const chips = [
    overview.kinds.length > 1 ? kind?.title ?? token.kind : null,
    token.slot ? `Token ${token.slot}` : null,
  ];
  const others = Object.entries(token.details ?? {}).filter(([, value]) => value !== token.name);
  const details = [token.owner, token.description, ...others.map(([name, value]) => `${name}: ${value}`)];
  return element(
    'th', { role: 'rowheader', scope: 'row', className: 'name' },
    element('span', { className: 'token-name' }, token.name),
    ...chips.filter(Boolean).map((chip) => element('span', { className: 'chip' }, chip)),
    ...details.filter((detail) => detail && detail !== token.name).map((detail) => element('span', { className: 'detail' }, detail)),
  );
}

function stateCell({ state }) {
  return cell('state', element('span', { className: 'badge', dataset: { state } }, symbol(state), STATES[state].word));
}

function lifetimeCell(token) {
  const { to } = lifetime(token);
  const text = `${minutes(parse(token['created-at']))} to ${to === null ? 'no expiry' : minutes(to)}`;
  const bar = element('div', { className: 'bar', dataset: { state: token.state } });
  return cell('lifetime', hidden(text), element('div', { className: 'track', title: text }, bar));
}

function endCell(token) {
  const end = endOf(token);
  const exact = end ? timeElement(minutes(parse(end)), end) : '';
  return cell('end', element('span', { className: 'distance' }), element('span', { className: 'detail' }, exact));
}

/** Moves the bar of a row, and shows the distance to the token's end. */
function showTimes(shownRow, position, distance) {
  const bar = shownRow.querySelector('.bar');
  bar.hidden = position === null;
  if (position) {
    bar.style.left = `${position.left}%`;
    bar.style.width = `${position.right - position.left}%`;
    bar.classList.toggle('cut-left', position.cutLeft);
    bar.classList.toggle('cut-right', position.cutRight);
  }
  shownRow.querySelector('.distance').textContent = distance;
}

function actionsCell(token) {
  const buttons = (token.actions ?? []).map((action) => {
    return button(`${labelOf(action)}…`, () => perform(action, token, overview), { context: token.name });
  });
  return cell('actions', element('div', { className: 'buttons' }, ...buttons));
}
