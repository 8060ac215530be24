// By what clients prove who they are, whichever library they use.
import { Agent, fetch as fetchWith } from 'undici';
import { identity, place } from './place.mjs';

/** The algorithms of signed assertions. */
export const ALGORITHMS = ['RS256', 'RS512', 'PS256', 'ES256'];

/** A pair of keys for an algorithm; the public half is published by the relying party's server. */
export async function pair(alg) {
  const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const made = {
    RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', ...rsa },
    RS512: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512', ...rsa },
    PS256: { name: 'RSA-PSS', hash: 'SHA-256', ...rsa },
    ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  }[alg];
  const { privateKey: key, publicKey } = await crypto.subtle.generateKey(made, true, ['sign', 'verify']);
  const kid = `key-${alg}`;
  const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)), kid, alg, use: 'sig' };
  return { key, kid, jwk };
}

/** A fetch that shows the certificate of a system. */
export function withCertificate() {
  const dispatcher = new Agent({ connect: identity(place.system) });
  return (url, options) => fetchWith(url, { ...options, dispatcher });
}

/** What is known of a provider, with the port that asks for a certificate as discovery names it, or as it is in any case. */
export function withAliases(metadata) {
  const there = (address) => address.replace(place.issuer, place.systems);
  const names = [
    'token_endpoint', 'userinfo_endpoint', 'introspection_endpoint', 'revocation_endpoint', 'pushed_authorization_request_endpoint',
  ];
  const aliases = Object.fromEntries(names.map((name) => [name, there(metadata[name])]));
  return { ...metadata, mtls_endpoint_aliases: metadata.mtls_endpoint_aliases ?? aliases };
}

/** What a registration says of a client that signs its assertions with a key. */
export const byKey = (site, jwk) => ({
  token_endpoint_auth_method: 'private_key_jwt', jwks_uri: `${site.origin}/jwks`, jwks_uri_signing_algorithm: jwk.alg,
});

/** What a registration says of a client that shows the certificate of a system. */
export const byCertificate = () => ({
  token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: `CN=${place.system_name}`,
});
