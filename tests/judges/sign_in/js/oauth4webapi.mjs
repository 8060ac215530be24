// oauth4webapi signs somebody in by the realm of CIS2, by every way in which a client can prove who it is.
import { EVERY_SCOPE, place, register, step } from './place.mjs';
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import { ALGORITHMS, byCertificate, byKey, pair, withAliases, withCertificate } from './proofs.mjs';

const REALM = '/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare';
const SCOPE = 'openid profile email nhsperson nationalrbacaccess selectedrole';

/** What is known of the realm. */
async function realm() {
  const issuer = new URL(place.issuer + REALM);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oidc' }));
  assert.equal(as.token_endpoint, `${place.issuer}${REALM}/access_token`);
  return withAliases(as);
}

/** Each way: what its registration says, its proof, and proofs that are not good enough. */
async function ways(site) {
  const another = 'A'.repeat(43);
  const signed = await Promise.all(ALGORITHMS.map(async (alg) => {
    const [mine, strangers] = [await pair(alg), await pair(alg)];
    const proof = ({ key }) => oauth.PrivateKeyJwt({ key, kid: mine.kid });
    return {
      name: `private_key_jwt with ${alg}`,
      change: byKey(site, mine.jwk),
      jwk: mine.jwk,
      proof: () => proof(mine),
      wrong: () => [proof(strangers), oauth.ClientSecretPost(another)],
    };
  }));
  const named = (name, own, others) => ({
    name,
    change: { token_endpoint_auth_method: name },
    proof: own,
    wrong: (secret) => [own(another), ...others(secret)],
  });
  return [
    named('client_secret_basic', oauth.ClientSecretBasic, (secret) => [oauth.ClientSecretPost(secret), oauth.None()]),
    named('client_secret_post', oauth.ClientSecretPost, (secret) => [oauth.ClientSecretBasic(secret), oauth.None()]),
    ...signed,
    {
      name: 'tls_client_auth', change: byCertificate(), proof: oauth.TlsClientAuth, certificate: withCertificate(),
      wrong: () => [oauth.ClientSecretPost(another)],
    },
  ];
}

/** Who says `invalid_client`: in the body, or by a challenge to whoever came with the header. RFC 6749 5.2 */
const unknown = (act) => assert.rejects(act, ({ error, status, cause }) =>
  error === 'invalid_client' || (status === 401 && cause?.[0]?.scheme === 'basic'));

/** One client, from its registration to the end of what it was given. */
async function whole(as, site, somebody, { name, change, proof, wrong, certificate, jwk }) {
  const id = `oauth-${name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase()}`;
  if (jwk) site.keys = [jwk];
  const secret = await register(id, site, {
    ...change, grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], scopes: [...EVERY_SCOPE, 'reports'],
  });
  const client = { client_id: id, use_mtls_endpoint_aliases: Boolean(certificate) };
  const by = certificate ? { [oauth.customFetch]: certificate } : {};
  const me = proof(secret);

  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const parameters = new URLSearchParams({
    client_id: id, redirect_uri: site.callback, response_type: 'code', scope: SCOPE, state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  const pushes = async (proof_, reach) => oauth.processPushedAuthorizationResponse(
    as, client, await oauth.pushedAuthorizationRequest(as, client, proof_, parameters, reach));
  const asksForItself = async (proof_, reach) => oauth.processClientCredentialsResponse(
    as, client, await oauth.clientCredentialsGrantRequest(as, client, proof_, { scope: 'reports' }, reach));

  // Nobody else is this client, wherever they say so, and without its certificate it is nobody itself.
  const others = wrong(secret).map((proof_) => [proof_, by]);
  if (certificate) others.push([me, {}]);
  for (const [proof_, reach] of others) {
    await unknown(() => pushes(proof_, reach));
    await unknown(() => asksForItself(proof_, reach));
  }

  const pushed = await pushes(me, by);
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({ client_id: id, request_uri: pushed.request_uri });
  await somebody.page.goto(url.href);
  const answer = oauth.validateAuthResponse(as, client, await somebody.returns(site), state);
  const exchanges = (proof_, reach) =>
    oauth.authorizationCodeGrantRequest(as, client, proof_, answer, site.callback, verifier, reach);
  await unknown(async () => oauth.processAuthorizationCodeResponse(as, client, await exchanges(...others[0])));
  const exchanged = await exchanges(me, by);
  const given = await oauth.processAuthorizationCodeResponse(as, client, exchanged, { expectedNonce: nonce, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(as, exchanged, by);
  const { sub, iss, aud } = oauth.getValidatedIdTokenClaims(given);
  assert.deepEqual([sub, iss, aud], [place.people.one, as.issuer, id]);

  const told = await oauth.processUserInfoResponse(as, client, sub, await oauth.userInfoRequest(as, client, given.access_token, by));
  assert.equal(told.uid, sub);
  const refreshed = await oauth.processRefreshTokenResponse(
    as, client, await oauth.refreshTokenGrantRequest(as, client, me, given.refresh_token, by));
  const shown = await oauth.processIntrospectionResponse(
    as, client, await oauth.introspectionRequest(as, client, me, refreshed.access_token, by));
  assert.equal(shown.active, true);
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, me, refreshed.refresh_token, by));
  await assert.rejects(async () => oauth.processUserInfoResponse(
    as, client, sub, await oauth.userInfoRequest(as, client, refreshed.access_token, by)));

  const itself = await asksForItself(me, by);
  assert.equal(itself.scope, 'reports');
}

/** Every way, for somebody who is signed in already. */
export async function everyWay(site, somebody) {
  const as = await realm();
  for (const way of await ways(site)) {
    await step(`oauth4webapi by the realm of CIS2: ${way.name}`, () => whole(as, site, somebody, way));
  }
}
