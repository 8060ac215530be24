// A relying party as those of CIS2 are, by hand: the realm's discovery without its port and an issuer with it, a signed assertion, a
// state and a nonce and no proof key, the answer by form or by address, the request by form or pushed.
import { readFileSync } from 'node:fs';
import { createRemoteJWKSet, customFetch, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { Agent, buildConnector, fetch as fetchWith } from 'undici';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const escaped = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

/** `asks` is `pushed` or `form`, `answered` is `form_post` or `query`, `port` where the provider is that says it is on 443. */
export function cis2({ issuer, callback, idle, certificate, port }, { asks, answered, sameSite = 'None' }) {
  const connect = buildConnector({ ca: readFileSync(certificate) });
  const dispatcher = new Agent({ connect: (options, done) => connect({ ...options, port }, done) });
  const reach = (url, options) => fetchWith(url, { ...options, dispatcher });
  const post = (url, fields) => reach(url, { method: 'POST', body: new URLSearchParams(fields) });
  let metadata;
  let keys;
  let pair;

  async function known() {
    if (!metadata) {
      metadata = await (await reach(`${issuer}/.well-known/openid-configuration`)).json();
      if (metadata.issuer !== issuer.replace('localhost', 'localhost:443')) throw new Error(`another issuer: ${metadata.issuer}`);
      keys = createRemoteJWKSet(new URL(metadata.jwks_uri), { [customFetch]: reach });
      pair = await generateKeyPair('RS512', { extractable: true });
    }
    return metadata;
  }

  async function proof() {
    const { token_endpoint: audience } = await known();
    const now = Math.floor(Date.now() / 1000);
    const assertion = new SignJWT({ jti: crypto.randomUUID() }).setProtectedHeader({ alg: 'RS512', kid: 'records-1' })
      .setIssuer('records').setSubject('records').setAudience(audience).setIssuedAt(now).setExpirationTime(now + 300);
    return { client_assertion_type: ASSERTION, client_assertion: await assertion.sign(pair.privateKey) };
  }

  const verified = async (token, options) =>
    (await jwtVerify(token, keys, { issuer: metadata.issuer, audience: 'records', algorithms: ['RS256'], ...options })).payload;

  return {
    sameSite,
    async begin(session) {
      const { authorization_endpoint: address, pushed_authorization_request_endpoint: pushes } = await known();
      session.checks = { state: crypto.randomUUID(), nonce: crypto.randomUUID() };
      const asked = {
        client_id: 'records', response_type: 'code', redirect_uri: callback(), scope: 'openid profile', acr_values: 'AAL3_ANY',
        prompt: 'login', max_age: '300', ...(answered === 'form_post' ? { response_mode: answered } : {}), ...session.checks,
      };
      if (asks === 'form') {
        const fields = Object.entries(asked).map(([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`);
        return { page: `<form method="post" action="${escaped(address)}">${fields.join('')}<button>Sign in</button></form>` };
      }
      const answer = await (await post(pushes, { ...asked, ...await proof() })).json();
      return `${address}?${new URLSearchParams({ client_id: 'records', request_uri: answer.request_uri })}`;
    },
    async finish(session, { url, form }) {
      const { token_endpoint: address, userinfo_endpoint: tells } = await known();
      const came = form.size ? form : url.searchParams;
      const { checks } = session;
      delete session.checks;
      if (!checks || came.get('state') !== checks.state || came.get('iss') !== metadata.issuer) throw new Error('not asked for');
      const given = await (await post(address, {
        grant_type: 'authorization_code', code: came.get('code'), redirect_uri: callback(), ...await proof(),
      })).json();
      const { nonce, sub, sid, auth_time: at, acr } = await verified(given.id_token, { requiredClaims: ['auth_time', 'acr'] });
      if (nonce !== checks.nonce || Date.now() / 1000 - at > 300 || acr !== 'AAL3_ANY') throw new Error('not the sign-in that was asked for');
      const told = await (await reach(tells, { headers: { authorization: `Bearer ${given.access_token}` } })).json();
      if (told.sub !== sub) throw new Error('somebody else');
      Object.assign(session, { sub, sid });
    },
    async told(token) {
      await known();
      const { nonce, events, sid } = await verified(token, { requiredClaims: ['iat', 'exp', 'sid', 'events'] });
      if (nonce !== undefined || !events[EVENT]) throw new Error('this is no logout token');
      return sid;
    },
    lasts: (session, now) => now - session.used < idle,
  };
}
