// The consequence of each action on a token, shown before it happens.

const ROTATE = {
  striim: 'The current value stops working at once. Whatever uses it fails until it has the new value.',
  quix: 'The platform revokes token 1 of the environment, token 2 takes its place, and a new token 2 is issued. Whatever uses token 1 fails until it has another.',
};

const REVOKE = {
  striim: 'Its value stops working at once, for good. Whatever uses it fails until it has the value of another token.',
  startree: 'Its value stops working at once, and its role assignments are removed. Whatever uses it fails until it has the value of another token.',
};

const DEFAULT = {
  rotate: 'The current value stops working. Whatever uses it fails until it has the new value.',
  revoke: 'Its value stops working at once, for good. Whatever uses it fails until it has the value of another token.',
  deactivate: 'Requests with its value are rejected until the token is activated again.',
  activate: 'Requests with its value are accepted again.',
};

/** The consequence of `action` on a token of `platform`. */
export function consequence(platform, action) {
  const ofPlatform = { rotate: ROTATE, revoke: REVOKE }[action]?.[platform];
  return ofPlatform ?? DEFAULT[action];
}
