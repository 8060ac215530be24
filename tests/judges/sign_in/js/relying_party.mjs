// A relying party for `lanyard authn check-client`: one that checks everything, or one that believes everything.
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { begin, finish } from './example.mjs';

// Node.js 18 has them under a name of its own only.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

const [issuer, certificate, key, manner] = process.argv.slice(2);
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const sessions = new Map();
let config;

const discovered = async () => {
  config ??= await oidc.discovery(new URL(issuer), 'records', {}, oidc.ClientSecretBasic('secret'));
  oidc.enableNonRepudiationChecks(config);
  return config;
};

const careful = {
  async begin(session) {
    const options = { redirect_uri: `${origin}/callback`, scope: 'openid profile', max_age: '300', prompt: 'login' };
    const { url, checks } = await begin(await discovered(), options);
    session.checks = { ...checks, maxAge: 300 };
    return url.href;
  },
  async finish(session, url) {
    const { checks } = session;
    delete session.checks;
    if (!checks) throw new Error('this browser asked for nothing');
    const tokens = await finish(config, url, checks);
    const { sub, sid } = tokens.claims();
    await oidc.fetchUserInfo(config, tokens.access_token, sub);
    Object.assign(session, { sub, sid, used: Date.now() });
  },
  async told(token) {
    const metadata = (await discovered()).serverMetadata();
    const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
    const { payload } = await jwtVerify(token, keys, {
      issuer: metadata.issuer, audience: 'records', typ: 'logout+jwt', requiredClaims: ['iat', 'jti', 'sid', 'events'],
    });
    if (payload.nonce !== undefined || !payload.events[EVENT]) throw new Error('this is no logout token');
    return payload.sid;
  },
};

const careless = {
  async begin() {
    const query = { client_id: 'records', redirect_uri: `${origin}/callback`, response_type: 'code', scope: 'openid profile email' };
    return `${issuer}/authorize?${new URLSearchParams(query)}`;
  },
  async finish(session, url) {
    const body = new URLSearchParams({
      grant_type: 'authorization_code', code: url.searchParams.get('code'), redirect_uri: `${origin}/callback`,
    });
    const answer = await fetch(`${issuer}/token`, { method: 'POST', body });
    const { sub, sid } = decodeJwt((await answer.json()).id_token);
    Object.assign(session, { sub, sid, used: Date.now() });
  },
  told: async (token) => decodeJwt(token).sid,
};

const ways = { careful, careless }[manner];

async function answer(request, response) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const url = new URL(request.url, origin);
  const held = /session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
  const session = sessions.get(held);
  if (url.pathname === '/sign-in') {
    const id = crypto.randomUUID();
    sessions.set(id, {});
    response.setHeader('set-cookie', `session=${id}; Path=/; Secure; HttpOnly; SameSite=Lax`);
    response.setHeader('location', await ways.begin(sessions.get(id)));
    response.statusCode = 303;
  } else if (url.pathname === '/callback') {
    const id = held ?? crypto.randomUUID();
    if (!session) sessions.set(id, {});
    await ways.finish(sessions.get(id), url);
    response.setHeader('set-cookie', `session=${id}; Path=/; Secure; HttpOnly; SameSite=Lax`);
  } else if (url.pathname === '/logout') {
    const sid = await ways.told(new URLSearchParams(Buffer.concat(parts).toString()).get('logout_token'));
    for (const [id, one] of sessions) if (one.sid === sid) sessions.delete(id);
  } else {
    response.statusCode = session?.sub ? 200 : 401;
  }
}

const server = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
server.on('request', (request, response) => {
  answer(request, response).catch(() => (response.statusCode = 400)).finally(() => response.end());
});
let origin;
server.listen(0, '127.0.0.1', () => {
  origin = `https://localhost:${server.address().port}`;
  console.log(origin);
});
