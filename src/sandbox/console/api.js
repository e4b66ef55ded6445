// Requests of the sandbox's control API.

/** The time after which a request is given up. */
const TIME_LIMIT = 15_000;

/** A request that the sandbox refused or did not answer. The message is meant for people. */
export class ApiError extends Error {}

async function send(method, path, body) {
  let answer;
  try {
    answer = await fetch(`/sandbox${path}`, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIME_LIMIT),
    });
  } catch {
    throw new ApiError('The sandbox does not answer. Check whether the program is still running.');
  }
  const text = await answer.text();
  const content = parse(text);
  if (answer.ok) return content;
  throw new ApiError(content?.message ?? `The sandbox answered with status ${answer.status}.`);
}

function parse(text) {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

export const get = (path) => send('GET', path);
export const post = (path, body = {}) => send('POST', path, body);
export const put = (path, body) => send('PUT', path, body);
export const remove = (path) => send('DELETE', path);

/** Encodes one segment of a path. */
export const segment = encodeURIComponent;
