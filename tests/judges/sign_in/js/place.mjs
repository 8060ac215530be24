// What the judges share: where the server is, how it is operated, and a relying party of their own.
import assert from 'node:assert/strict';
import { createHmac, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';

// Node.js 18 has them under a name of its own only.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

export const place = JSON.parse(readFileSync(process.env.LANYARD_PLACE));
const ca = readFileSync(place.root);

/** Certificate and key of a caller, as Node.js takes them. */
export const identity = ({ certificate, key }) => ({ ca, cert: readFileSync(certificate), key: readFileSync(key) });

/** What is told besides when a step fails. */
export const telling = [];

/** Says what is done, how long it took, and stops at the first that fails. */
export async function step(sentence, act) {
  const begun = performance.now();
  try {
    return await act();
  } catch (error) {
    console.error(`FAILED: ${sentence}`);
    for (const tell of telling) console.error(await tell());
    throw error;
  } finally {
    console.log(`${String(Math.round(performance.now() - begun)).padStart(6)} ms  ${sentence}`);
  }
}

/** One request to the server, with a certificate where one is given. Follows nothing. */
export async function call(origin, method, path, { body, by, headers } = {}) {
  const options = { method, headers: { ...headers }, ca, ...(by ? identity(by) : {}) };
  const text = body === undefined ? undefined : JSON.stringify(body);
  if (text) Object.assign(options.headers, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  const request = https.request(new URL(path, origin), options);
  request.end(text);
  const [answer] = await once(request, 'response');
  const parts = [];
  for await (const part of answer) parts.push(part);
  const said = Buffer.concat(parts).toString();
  const json = answer.headers['content-type']?.includes('json');
  return { status: answer.statusCode, headers: answer.headers, body: json ? JSON.parse(said) : said };
}

/** The desk does something, and may. */
export async function desk(method, path, body) {
  const answer = await call(place.systems, method, path, { body, by: place.desk });
  assert(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** A link with which somebody adds a way to sign in. */
export const link = async (person, purpose = 'issue') =>
  (await desk('POST', `/authn/people/${place.people[person]}/enrolments`, { purpose })).link;

export const EVERY_SCOPE = [
  'openid', 'profile', 'email', 'nhsperson', 'nationalrbacaccess', 'associatedorgs', 'professionalmemberships',
  'organisationalmemberships', 'selectedrole', 'changedrole',
];

/** Registers a relying party: what is given is added to what each has. Its secret, if it has one. */
export async function register(id, site, change = {}) {
  const config = {
    client_name: 'Shared records',
    redirect_uris: [site.callback],
    post_logout_redirect_uris: [site.signedOut],
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['authorization_code', 'refresh_token'],
    scopes: EVERY_SCOPE,
    ...change,
  };
  const made = await desk('POST', '/authn/configs/judges', { config_name: id, client_config: config });
  return made.client_secret;
}

/** A relying party's server: browsers come back to it, it publishes keys and is told of sessions that ended. */
export async function site() {
  const server = https.createServer(identity(place.site));
  const here = { keys: [], logouts: [], came: [], waiting: [] };
  server.on('request', async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts).toString();
    const url = new URL(request.url, here.origin);
    const page = (text) => {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(`<!doctype html><html lang="en"><title>${text}</title><main><h1>${text}</h1></main></html>`);
    };
    if (url.pathname === '/callback') {
      here.came.push({ url, body });
      page('Back at the application');
    } else if (url.pathname === '/jwks') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ keys: here.keys }));
    } else if (url.pathname === '/logout') {
      const message = { type: request.headers['content-type'], token: new URLSearchParams(body).get('logout_token') };
      const waiting = here.waiting.shift();
      if (waiting) waiting(message);
      else here.logouts.push(message);
      response.end();
    } else {
      page('Signed out of the application');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  here.origin = `https://localhost:${server.address().port}`;
  here.callback = `${here.origin}/callback`;
  here.signedOut = `${here.origin}/signed-out`;
  // The next message of a session that ended, for which nobody waits longer than it may take.
  here.told = () => {
    const first = here.logouts.shift();
    if (first) return Promise.resolve(first);
    return new Promise((resolve, reject) => {
      here.waiting.push(resolve);
      setTimeout(() => reject(new Error('no logout came within 20 s')), 20_000).unref();
    });
  };
  here.close = () => server.close();
  return here;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** An authenticator app. It gives a new code each time, because each works once: from the step before this one to the one after. */
export class App {
  constructor(seed) {
    const bits = [...seed.replace(/\s/g, '')].map((letter) => LETTERS.indexOf(letter).toString(2).padStart(5, '0')).join('');
    this.key = Buffer.from(bits.match(/.{8}/g).map((octet) => parseInt(octet, 2)));
    this.next = 0;
  }

  /** The next code that was not used. RFC 6238. */
  code() {
    const counter = Buffer.alloc(8);
    this.next = Math.max(this.next, Math.floor(Date.now() / 30_000) - 1);
    counter.writeBigUInt64BE(BigInt(this.next++));
    const tag = createHmac('sha1', this.key).update(counter).digest();
    const number = tag.readUInt32BE(tag[19] & 15) & 0x7fffffff;
    return String(number % 1_000_000).padStart(6, '0');
  }
}
