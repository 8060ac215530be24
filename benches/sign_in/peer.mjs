// oidc-provider on its in-memory store, behind the same TLS certificate, with one client. `/codes/MANY` makes codes as its
// authorisation endpoint would, for the client of the bench to exchange.
import crypto, { createHash, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { register } from 'node:module';

// Node.js 18 has them under a name of its own only.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;
// And these not at all. What a module of Node.js exports cannot be added to, so oidc-provider is given another one in its place.
const hashing = `
import crypto from 'node:crypto';
export * from 'node:crypto';
export function hash(algorithm, data, encoding = 'hex') {
  const made = crypto.createHash(algorithm).update(data);
  return encoding === 'buffer' ? made.digest() : made.digest(encoding);
}
export default { ...crypto, hash };`;
const module = (text) => `data:text/javascript,${encodeURIComponent(text)}`;
if (!crypto.hash) {
  register(module(`
export function resolve(specifier, context, next) {
  const wanted = specifier === 'node:crypto' && context.parentURL.includes('/oidc-provider/');
  return wanted ? { url: ${JSON.stringify(module(hashing))}, shortCircuit: true } : next(specifier, context);
}`));
}
URL.parse ??= (url, base) => {
  try {
    return new URL(url, base);
  } catch {
    return null;
  }
};

const { Provider } = await import('oidc-provider');
const { exportJWK, generateKeyPair } = await import('jose');

const told = JSON.parse(readFileSync(process.argv[2]));
const issuer = `https://localhost:${told.port}`;

async function key(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
  return { ...(await exportJWK(privateKey)), use: 'sig', alg, kid: alg };
}

const client = (id, alg) => ({
  client_id: id,
  client_secret: told.secret,
  grant_types: ['authorization_code', 'client_credentials'],
  redirect_uris: [told.callback],
  id_token_signed_response_alg: alg,
});

// Its store holds a thousand things and drops the oldest; the codes of a round are more than that, so that the same adapter gets a map.
const { default: MemoryAdapter } = await import('./node_modules/oidc-provider/lib/adapters/memory_adapter.js');
const store = new Map();

const provider = new Provider(issuer, {
  adapter: (model) => new MemoryAdapter(model, store),
  clients: [client('es256', 'ES256'), client('rs256', 'RS256')],
  jwks: { keys: [await key('ES256'), await key('RS256')] },
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  pkce: { required: () => true },
  scopes: ['openid', 'reports'],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  ttl: { AuthorizationCode: 600, AccessToken: 3600, IdToken: 3600, ClientCredentials: 3600, Grant: 3600 },
});

const challenge = createHash('sha256').update(told.verifier).digest('base64url');

/** Codes with their grants, as they lie in the store when a browser has come back. */
async function codes(clientId, many) {
  const found = await provider.Client.find(clientId);
  const made = [];
  for (let at = 0; at < many; at += 1) {
    const accountId = `person-${at % 16}`;
    const grant = new provider.Grant({ accountId, clientId });
    grant.addOIDCScope('openid');
    const code = new provider.AuthorizationCode({
      accountId, client: found, grantId: await grant.save(), redirectUri: told.callback, scope: 'openid', claims: {},
      codeChallenge: challenge, codeChallengeMethod: 'S256', authTime: Math.floor(Date.now() / 1000), gty: 'authorization_code',
      sessionUid: `session-${at}`, expiresWithSession: false,
    });
    made.push(await code.save());
  }
  return made;
}

const answer = provider.callback();
const server = https.createServer({ cert: readFileSync(told.certificate), key: readFileSync(told.key) }, async (request, response) => {
  const [, clientId, many] = request.url.match(/^\/codes\/([a-z0-9]+)\/(\d+)$/) ?? [];
  if (!clientId) return answer(request, response);
  response.setHeader('content-type', 'application/json');
  return response.end(JSON.stringify(await codes(clientId, Number(many))));
});
server.keepAliveTimeout = 60_000;
server.listen(told.port, '127.0.0.1');
await once(server, 'listening');
console.log('ready');
