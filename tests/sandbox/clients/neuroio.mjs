// Calls everything that NeuroIO's JavaScript client has for stream tokens.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.PACKAGES}/package.json`);
const { createNeuroioRestApi } = require("@neuroio/rest-api");

function client(token) {
  const api = createNeuroioRestApi({ version: 1 });
  const base = `${process.env.URL}/v1/`;
  api.setEndpoint({ base, auth: base });
  api.setToken(token);
  return api.streamTokens;
}

/** The status and body of the answer to a call that fails. */
async function rejection(call) {
  const error = await call.then(
    (answer) => assert.fail(`it succeeds: ${JSON.stringify(answer)}`),
    (error) => error,
  );
  assert.ok(error.response, error);
  return [error.response.status, error.response.data];
}

const tokens = client(process.env.TOKEN);
const ids = async (filters) => (await tokens.getStreamTokens(filters)).map((token) => token.id);

const temporary = await tokens.createStreamToken({});
assert.deepEqual(Object.keys(temporary).sort(), ["created", "expires", "id", "is_active", "key"]);
assert.equal(new Date(temporary.expires) - new Date(temporary.created), 24 * 60 * 60 * 1000);
const permanent = await tokens.createStreamToken({ permanent: true });

assert.deepEqual(await ids(), [temporary.id, permanent.id]);
assert.deepEqual(await ids({}), [temporary.id, permanent.id]);
assert.deepEqual(await ids({ permanent: true }), [permanent.id]);
assert.deepEqual(await ids({ permanent: false }), [temporary.id]);
assert.deepEqual(await ids({ limit: 1, offset: 1 }), [permanent.id]);

for (const id of [permanent.id, permanent.key]) {
  assert.deepEqual(await tokens.getStreamToken(id), permanent);
  for (const is_active of [false, true]) {
    const updated = await tokens.updateStreamToken({ id, is_active });
    assert.deepEqual(updated, { ...permanent, is_active });
    assert.deepEqual(await tokens.getStreamToken(id), updated);
  }
}

await tokens.deleteStreamToken(temporary.id);
await tokens.deleteStreamToken(permanent.key);
for (const call of [tokens.getStreamToken, tokens.deleteStreamToken]) {
  const [status, body] = await rejection(call(temporary.id));
  assert.equal(status, 404);
  assert.equal(typeof body.message, "string");
}

await tokens.createStreamToken({ permanent: true });
const last = await tokens.createStreamToken({ permanent: false });
await tokens.deleteStreamTokens({ permanent: true });
assert.deepEqual(await ids(), [last.id]);
await tokens.deleteStreamTokens({});
assert.deepEqual(await ids(), []);
await tokens.createStreamToken();
await tokens.deleteStreamTokens();
assert.deepEqual(await ids(), []);

const [status] = await rejection(client("unknown").getStreamTokens());
assert.equal(status, 401);

console.log(JSON.stringify(await tokens.createStreamToken({})));
