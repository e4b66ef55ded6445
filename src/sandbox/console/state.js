// The states of a token, each with a word, a shape and a pattern, so that none is told by colour alone.

/** The states in the order of the filter: the word, and the path of the symbol in a square of 16 by 16. */
export const STATES = {
  active: { word: 'Active', path: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2Z' },
  expiring: { word: 'Expiring', path: 'M8 1.5 15 14H1Z' },
  inactive: { word: 'Inactive', path: 'M3 3h3.5v10H3ZM9.5 3H13v10H9.5Z' },
  expired: { word: 'Expired', path: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2Zm0 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z' },
  revoked: { word: 'Revoked', path: 'M4.2 2.5 8 6.3l3.8-3.8 1.7 1.7L9.7 8l3.8 3.8-1.7 1.7L8 9.7l-3.8 3.8-1.7-1.7L6.3 8 2.5 4.2Z' },
};

/** The symbol of a state. The word belongs next to it. */
export function symbol(state) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', 'symbol');
  svg.setAttribute('aria-hidden', 'true');
  svg.dataset.state = state;
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', STATES[state].path);
  path.setAttribute('fill-rule', 'evenodd');
  svg.append(path);
  return svg;
}
