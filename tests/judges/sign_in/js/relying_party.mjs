// A relying party for `lanyard authn check-client`, in one of the manners that `manners.mjs` and `cis2_manner.mjs` have.
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { cis2 } from './cis2_manner.mjs';
import { careful, careless, certified, half } from './manners.mjs';

// Node.js 18 has them under a name of its own only.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

const MANNERS = {
  careful,
  half,
  careless,
  certified: (told) => certified(told, { shows: true }),
  'certified-bare': (told) => certified(told, { shows: false }),
  'cis2-pushed': (told) => cis2(told, { asks: 'pushed', answered: 'form_post' }),
  'cis2-form': (told) => cis2(told, { asks: 'form', answered: 'query' }),
  'cis2-lax': (told) => cis2(told, { asks: 'pushed', answered: 'form_post', sameSite: 'Lax' }),
};

const { issuer, certificate, key, manner, idle, port } = JSON.parse(process.argv[2]);
const sessions = new Map();
let origin;
const callback = () => `${origin}/callback`;
const ways = MANNERS[manner]({ issuer, certificate, key, callback, port, idle: idle * 1000 });

/** The session of a browser, if it has one that lasts. */
function open(held) {
  const session = sessions.get(held);
  if (session?.sub && !ways.lasts(session, Date.now())) sessions.delete(held);
  return sessions.get(held);
}

const cookie = (id) => `session=${id}; Path=/; Secure; HttpOnly; SameSite=${ways.sameSite ?? 'Lax'}`;

async function answer(request, response) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const form = new URLSearchParams(Buffer.concat(parts).toString());
  const url = new URL(request.url, origin);
  const held = /session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
  const session = open(held);
  if (url.pathname === '/sign-in') {
    const id = crypto.randomUUID();
    sessions.set(id, {});
    response.setHeader('set-cookie', cookie(id));
    const begun = await ways.begin(sessions.get(id));
    if (begun.page) return response.setHeader('content-type', 'text/html').write(begun.page);
    response.setHeader('location', begun);
    response.statusCode = 303;
  } else if (url.pathname === '/callback') {
    const id = session ? held : crypto.randomUUID();
    if (!session) sessions.set(id, {});
    const here = sessions.get(id);
    await ways.finish(here, { url, form });
    here.used = Date.now();
    response.setHeader('set-cookie', cookie(id));
  } else if (url.pathname === '/logout') {
    const sid = await ways.told(form.get('logout_token'));
    for (const [id, one] of sessions) if (sid && one.sid === sid) sessions.delete(id);
  } else if (session?.sub) {
    session.used = Date.now();
  } else {
    response.statusCode = 401;
  }
}

const server = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
server.on('request', (request, response) => {
  answer(request, response).catch(() => (response.statusCode = 400)).finally(() => response.end());
});
server.listen(0, '127.0.0.1', () => {
  origin = `https://localhost:${server.address().port}`;
  console.log(origin);
});
