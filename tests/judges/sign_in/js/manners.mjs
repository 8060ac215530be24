// How relying parties behave: one that checks everything, one that checks half of it, and one that believes everything.
import { compactVerify, createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { readFileSync } from 'node:fs';
import * as oidc from 'openid-client';
import { Agent, fetch as fetchWith } from 'undici';
import { begin, finish } from './example.mjs';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

/** What openid-client knows of the provider, once it was asked for; what it sends goes by `reach`, if that is given. */
function discovered(issuer, proof = oidc.ClientSecretBasic('secret'), reach = undefined) {
  let config;
  return async () => {
    if (!config) {
      config = await oidc.discovery(new URL(issuer), 'records', {}, proof);
      if (reach) config[oidc.customFetch] = reach;
      oidc.enableNonRepudiationChecks(config);
    }
    return config;
  };
}

/** The keys of the provider. */
const keys = async (configured) => createRemoteJWKSet(new URL((await configured()).serverMetadata().jwks_uri));

/** Takes what a session keeps for one answer. */
function taken(session) {
  const { checks } = session;
  delete session.checks;
  if (!checks) throw new Error('this browser asked for nothing');
  return checks;
}

export function careful({ issuer, callback, idle }, configured = discovered(issuer)) {
  return {
    async begin(session) {
      const options = { redirect_uri: callback(), scope: 'openid profile', max_age: '300', prompt: 'login' };
      const { url, checks } = await begin(await configured(), options);
      session.checks = { ...checks, maxAge: 300 };
      return url.href;
    },
    async finish(session, { url }) {
      const config = await configured();
      const tokens = await finish(config, url, taken(session));
      const { sub, sid } = tokens.claims();
      await oidc.fetchUserInfo(config, tokens.access_token, sub);
      Object.assign(session, { sub, sid });
    },
    async told(token) {
      const { payload } = await jwtVerify(token, await keys(configured), {
        issuer: (await configured()).serverMetadata().issuer, audience: 'records', typ: 'logout+jwt',
        requiredClaims: ['iat', 'jti', 'exp', 'sid', 'events'],
      });
      if (payload.nonce !== undefined || !payload.events[EVENT]) throw new Error('this is no logout token');
      return payload.sid;
    },
    /** Whether a session was used lately. */
    lasts: (session, now) => now - session.used < idle,
  };
}

/** The same, which proves itself by its certificate, and shows it or forgets to. */
export function certified(told, { shows }) {
  const [ca, key] = [readFileSync(told.certificate), readFileSync(told.key)];
  const dispatcher = new Agent({ connect: shows ? { ca, cert: ca, key } : { ca } });
  const reach = (url, options) => fetchWith(url, { ...options, dispatcher });
  return careful(told, discovered(told.issuer, oidc.TlsClientAuth(), reach));
}

/** It verifies signatures and what its library does by itself, compares neither times nor people, and has two states for everybody. */
export function half({ issuer, callback }) {
  const configured = discovered(issuer);
  let turns = 0;
  return {
    async begin(session) {
      const config = await configured();
      const turn = ['left', 'right'][turns++ % 2];
      const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
      session.checks = { pkceCodeVerifier, expectedState: turn, expectedNonce: turn, idTokenExpected: true };
      return oidc.buildAuthorizationUrl(config, {
        redirect_uri: callback(), scope: 'openid profile', max_age: '300', prompt: 'login', state: turn, nonce: turn,
        code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
      }).href;
    },
    async finish(session, { url }) {
      const config = await configured();
      const tokens = await finish(config, url, taken(session));
      const { sid } = tokens.claims();
      const { sub } = await oidc.fetchUserInfo(config, tokens.access_token, oidc.skipSubjectCheck);
      Object.assign(session, { sub, sid });
    },
    async told(token) {
      await compactVerify(token, await keys(configured));
      return decodeJwt(token).sid;
    },
    lasts: () => true,
  };
}

/** Whoever comes back is somebody, and messages are thanked for and thrown away. */
export function careless({ issuer, callback }) {
  return {
    async begin() {
      const query = { client_id: 'records', redirect_uri: callback(), response_type: 'code', scope: 'openid profile email' };
      return `${issuer}/authorize?${new URLSearchParams(query)}`;
    },
    async finish(session, { url }) {
      const code = url.searchParams.get('code');
      if (!code) return Object.assign(session, { sub: 'somebody' });
      const body = new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: callback() });
      const answer = await fetch(`${issuer}/token`, { method: 'POST', body });
      const { sub, sid } = decodeJwt((await answer.json()).id_token);
      return Object.assign(session, { sub, sid });
    },
    told: async () => undefined,
    lasts: () => true,
  };
}
