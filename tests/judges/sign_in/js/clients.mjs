// Clients that are not ours sign people in: openid-client and oauth4webapi, each by every way to prove who they are.
import { place, site as makeSite, step } from './place.mjs';
import assert from 'node:assert/strict';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { everyPageWasJudged, Person, start } from './browser.mjs';
import { begin, finish } from './example.mjs';
import { everyWay } from './oauth4webapi.mjs';
import { register } from './place.mjs';
import { ALGORITHMS, byCertificate, byKey, pair, withAliases, withCertificate } from './proofs.mjs';

const SCOPE = 'openid profile email nhsperson nationalrbacaccess selectedrole';
const site = await makeSite();
const browser = await start(process.env.HOME);
const ada = await Person.arrives(browser);
await ada.plugsIn();

/** A whole sign-in with openid-client, as the example has it; whoever is signed in already is not asked again. */
async function signsIn(config, options = {}) {
  const { url, checks } = await begin(config, { redirect_uri: site.callback, scope: SCOPE, ...options });
  await ada.page.goto(url.href);
  return finish(config, await ada.returns(site), checks);
}

/** What is refused, by its word. */
const refuses = (act, error) => assert.rejects(act, (refused) => (assert.equal(refused.error, error, refused), true));

/** What is refused with a challenge, as whoever came with the header Authorization must be. RFC 6749 5.2 */
const challenges = (act) => assert.rejects(act, ({ status, cause: [{ scheme }] }) => status === 401 && scheme === 'basic');

await step('somebody enrols a security key', () => ada.addsKey('one'));

const secret = await register('by-header', site, { backchannel_logout_uri: `${site.origin}/logout` });
const first = await step('openid-client discovers the plain issuer', () =>
  oidc.discovery(new URL(place.issuer), 'by-header', { client_secret: secret }, oidc.ClientSecretBasic(secret)));

oidc.enableNonRepudiationChecks(first);

let tokens = await step('the first sign-in asks for the key, and the ID token is checked', async () => {
  const { url, checks } = await begin(first, { redirect_uri: site.callback, scope: SCOPE });
  await ada.page.goto(url.href);
  await ada.sees('How do you want to sign in to Shared records?', 'choose');
  await ada.chooses('Security key');
  await ada.sees('Sign in with your security key', 'key');
  await ada.presses('Continue');
  const back = await ada.returns(site);
  const given = await finish(first, back, checks);
  const claims = given.claims();
  assert.equal(claims.sub, place.people.one);
  assert.equal(claims.aud, 'by-header');
  assert.deepEqual([claims.acr, claims.amr, claims.authentication_assurance_level], ['AAL3_ANY', ['FIDO2'], '3']);
  assert.match(claims.selected_roleid, /^\d{12}$/);
  // The same code again is refused, and ends what it gave.
  await refuses(() => finish(first, back, checks), 'invalid_grant');
  await assert.rejects(oidc.fetchUserInfo(first, given.access_token, claims.sub));
  return signsIn(first);
});

await step('what does not belong to the request is refused: state, nonce, proof key, issuer', async () => {
  for (const spoil of [
    (checks) => ({ ...checks, expectedState: 'another' }),
    (checks) => ({ ...checks, expectedNonce: 'another' }),
    (checks) => ({ ...checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() }),
  ]) {
    const { url, checks } = await begin(first, { redirect_uri: site.callback, scope: SCOPE });
    await ada.page.goto(url.href);
    const back = await ada.returns(site);
    await assert.rejects(finish(first, back, spoil(checks)));
  }
  const { url, checks } = await begin(first, { redirect_uri: site.callback, scope: SCOPE });
  await ada.page.goto(url.href);
  const back = await ada.returns(site);
  back.searchParams.set('iss', 'https://evil.example');
  await assert.rejects(finish(first, back, checks), ({ cause }) => /"iss"/.test(cause.message));
});

await step('userinfo tells what was granted', async () => {
  const told = await oidc.fetchUserInfo(first, tokens.access_token, place.people.one);
  assert.deepEqual([told.given_name, told.family_name, told.email], ['Ada', 'Okafor', 'ada@example.test']);
  assert.equal(told.nhsid_nrbac_roles.length, 1);
  assert.equal(told.nhsid_nrbac_roles[0].person_roleid, tokens.claims().selected_roleid);
});

await step('refresh tokens rotate, and one that comes twice ends everything', async () => {
  const again = await oidc.refreshTokenGrant(first, tokens.refresh_token);
  assert.notEqual(again.refresh_token, tokens.refresh_token);
  assert.equal(again.claims().sub, place.people.one);
  assert.equal((await oidc.tokenIntrospection(first, again.access_token)).active, true);
  // Until its successor is used it may be asked with once more: the answer may have been lost.
  const next = await oidc.refreshTokenGrant(first, again.refresh_token);
  assert.equal((await oidc.tokenIntrospection(first, next.access_token)).active, true);
  await refuses(() => oidc.refreshTokenGrant(first, tokens.refresh_token), 'invalid_grant');
  assert.equal((await oidc.tokenIntrospection(first, next.access_token)).active, false);
  await refuses(() => oidc.refreshTokenGrant(first, next.refresh_token), 'invalid_grant');
});

await step('introspection and revocation', async () => {
  tokens = await signsIn(first);
  const told = await oidc.tokenIntrospection(first, tokens.access_token);
  assert.deepEqual([told.active, told.sub, told.client_id], [true, place.people.one, 'by-header']);
  await oidc.tokenRevocation(first, tokens.access_token);
  assert.equal((await oidc.tokenIntrospection(first, tokens.access_token)).active, false);
  await oidc.tokenRevocation(first, tokens.refresh_token);
  await refuses(() => oidc.refreshTokenGrant(first, tokens.refresh_token), 'invalid_grant');
});

await step('pushed requests', async () => {
  const { checks, parameters } = await begin(first, { redirect_uri: site.callback, scope: SCOPE });
  const url = await oidc.buildAuthorizationUrlWithPAR(first, parameters);
  assert.match(url.searchParams.get('request_uri'), /^urn:ietf:params:oauth:request_uri:/);
  assert.equal(url.searchParams.get('scope'), null);
  await ada.page.goto(url.href);
  assert.equal((await finish(first, await ada.returns(site), checks)).claims().sub, place.people.one);
});

await step('an answer by form reaches the application', async () => {
  const { url, checks } = await begin(first, { redirect_uri: site.callback, scope: SCOPE, response_mode: 'form_post' });
  await ada.page.goto(url.href);
  await ada.returns(site);
  const { body } = site.came.at(-1);
  const posted = new Request(site.callback, {
    method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  assert.equal((await oidc.authorizationCodeGrant(first, posted, checks)).claims().sub, place.people.one);
});

for (const alg of ['ES256', 'PS256', 'EdDSA']) {
  await step(`ID token and userinfo signed with ${alg}`, async () => {
    const id = `signed-${alg.toLowerCase()}`;
    const algorithms = { id_token_signed_response_alg: alg, userinfo_signed_response_alg: alg };
    const secret = await register(id, site, algorithms);
    const config = await oidc.discovery(new URL(place.issuer), id, { client_secret: secret, ...algorithms }, oidc.ClientSecretBasic());
    oidc.enableNonRepudiationChecks(config);
    const given = await signsIn(config);
    const told = await oidc.fetchUserInfo(config, given.access_token, given.claims().sub);
    assert.equal(told.sub, place.people.one);
  });
}

await step('client_secret_post', async () => {
  const posted = await register('by-form', site, { token_endpoint_auth_method: 'client_secret_post' });
  const config = await oidc.discovery(new URL(place.issuer), 'by-form', { client_secret: posted }, oidc.ClientSecretPost(posted));
  assert.equal((await signsIn(config)).claims().sub, place.people.one);
  const wrong = await oidc.discovery(new URL(place.issuer), 'by-form', {}, oidc.ClientSecretPost('A'.repeat(43)));
  await refuses(() => signsIn(wrong), 'invalid_client');
  const other = await oidc.discovery(new URL(place.issuer), 'by-form', {}, oidc.ClientSecretBasic(posted));
  await challenges(() => signsIn(other));
});

for (const alg of ALGORITHMS) {
  await step(`private_key_jwt with ${alg}, its keys fetched from the relying party`, async () => {
    const id = `by-key-${alg.toLowerCase()}`;
    const { key, kid, jwk } = await pair(alg);
    site.keys = [jwk];
    await register(id, site, byKey(site, jwk));
    const discover = (with_) => oidc.discovery(new URL(place.issuer), id, {}, oidc.PrivateKeyJwt(with_));
    const config = await discover({ key, kid });
    const given = await signsIn(config);
    assert.equal(given.claims().sub, place.people.one);
    assert.equal((await oidc.refreshTokenGrant(config, given.refresh_token)).claims().sub, place.people.one);
    const stranger = await pair(alg);
    await refuses(async () => signsIn(await discover({ key: stranger.key, kid })), 'invalid_client');
  });
}

await step('tls_client_auth, on the port for systems', async () => {
  await register('by-tls', site, byCertificate());
  const told = first.serverMetadata();
  // A client that proves itself by a certificate speaks to the port that asks for one.
  const server = withAliases(told);
  assert.equal(server.mtls_endpoint_aliases.token_endpoint, told.token_endpoint.replace(place.issuer, place.systems));
  const configured = () => new oidc.Configuration(server, 'by-tls', { use_mtls_endpoint_aliases: true }, oidc.TlsClientAuth());
  const config = configured();
  config[oidc.customFetch] = withCertificate();
  const given = await signsIn(config);
  assert.equal(given.claims().sub, place.people.one);
  assert.equal((await oidc.fetchUserInfo(config, given.access_token, place.people.one)).uid, place.people.one);
  await refuses(() => signsIn(configured()), 'invalid_client');
});

await step('a client asks for itself', async () => {
  const secret = await register('itself', site, {
    grant_types: ['client_credentials'], scopes: ['reports'], redirect_uris: [], post_logout_redirect_uris: [],
  });
  const config = await oidc.discovery(new URL(place.issuer), 'itself', {}, oidc.ClientSecretBasic(secret));
  const given = await oidc.clientCredentialsGrant(config, { scope: 'reports' });
  assert.equal(given.scope, 'reports');
  await refuses(() => oidc.clientCredentialsGrant(config, { scope: 'openid' }), 'invalid_scope');
});

await everyWay(site, ada);

await step('signing out ends the session, and the logout token is checked', async () => {
  tokens = await signsIn(first);
  const url = oidc.buildEndSessionUrl(first, {
    post_logout_redirect_uri: site.signedOut, id_token_hint: tokens.id_token, state: 'afterwards',
  });
  await ada.page.goto(url.href);
  await ada.page.waitForURL(`${site.signedOut}?state=afterwards`);
  const { type, token } = await site.told();
  assert.equal(type, 'application/x-www-form-urlencoded');
  const metadata = first.serverMetadata();
  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
  const { payload } = await jwtVerify(token, keys, {
    issuer: metadata.issuer, audience: 'by-header', typ: 'logout+jwt', algorithms: ['RS256'], requiredClaims: ['iat', 'jti', 'exp'],
  });
  assert.deepEqual(payload.events, { 'http://schemas.openid.net/event/backchannel-logout': {} });
  assert.deepEqual([payload.sub, payload.sid, payload.nonce], [place.people.one, tokens.claims().sid, undefined]);
  await assert.rejects(oidc.fetchUserInfo(first, tokens.access_token, place.people.one));
  await refuses(() => oidc.refreshTokenGrant(first, tokens.refresh_token), 'invalid_grant');
  // The browser is asked anew.
  const { url: next } = await begin(first, { redirect_uri: site.callback, scope: SCOPE });
  await ada.page.goto(next.href);
  await ada.sees('Sign in with your security key');
});

await ada.leaves();
await browser.close();
everyPageWasJudged('clients.mjs');
site.close();
