// The Digital Signature Service as an application speaks to it, written by hand from its description.
import { call, place } from './place.mjs';
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const service = `${place.issuer}/signing-service`;

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });

/** The key of the application, to be registered. */
export const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'signing-1', use: 'sig' };

/** A compact JWS in RS512, as the Digital Signature Service wants it: the application asks somebody to sign. */
export function statement(application, sub, payloads, key = privateKey) {
  const now = Math.floor(Date.now() / 1000);
  const header = { typ: 'JWT', alg: 'RS512', kid: jwk.kid };
  const claims = { iss: application, sub, aud: service, iat: now, exp: now + 600, algorithm: 'RS256', payloads };
  const message = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${message}.${sign('RSA-SHA512', Buffer.from(message), key).toString('base64url')}`;
}

/** One request to the service, as a real client sends it. */
export async function ask(method, path, token, body) {
  const headers = {
    authorization: `Bearer ${token}`, 'x-request-id': randomUUID(), 'x-correlation-id': randomUUID(),
    ...(body ? { 'content-type': 'text/plain' } : {}),
  };
  const answer = await fetch(`${service}${path}`, { method, headers, body });
  return { status: answer.status, body: await answer.json() };
}

/** Has a prescription prepared: what is to be signed. */
export async function prepared() {
  const message = JSON.parse(readFileSync(place.prescription, 'utf8'));
  const { status, body } = await call(place.systems, 'POST', '/signer/prescriptions/prepare', { body: message, by: place.system });
  assert.equal(status, 200, JSON.stringify(body));
  return body.parameter.find(({ name }) => name === 'digest').valueString;
}
