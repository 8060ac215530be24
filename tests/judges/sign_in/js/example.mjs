// How an application signs people in with openid-client. docs/sign-in.md shows this file.
import * as oidc from 'openid-client';

/** Where to send the browser, and what to keep in its session until it comes back. */
export async function begin(config, options) {
  const checks = {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
    idTokenExpected: true,
  };
  const parameters = {
    ...options,
    code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
  };
  return { url: oidc.buildAuthorizationUrl(config, parameters), checks, parameters };
}

/** What the browser brought back is exchanged for tokens: `tokens.claims()` says who it is. */
export const finish = (config, address, checks) => oidc.authorizationCodeGrant(config, address, checks);
