// An application, written by hand, that has a prescriber sign: from the click to the signature, and to its evidence.
import { EVERY_SCOPE, call, desk, place, register, site as makeSite, step } from './place.mjs';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash, createPublicKey, generateKeyPairSync, randomUUID, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as oidc from 'openid-client';
import { everyPageWasJudged, Person, start } from './browser.mjs';
import { ask, jwk, prepared, service, statement as asking } from './dss.mjs';
import { begin, finish } from './example.mjs';

const site = await makeSite();
const browser = await start(process.env.HOME);
const application = place.system_name;
const secret = await register(application, site, {
  client_name: 'Northfield prescribing', scopes: [...EVERY_SCOPE, 'credential'], jwks: { keys: [jwk] }, signing: { callback_uri: site.callback, unseen: 'told' },
});
const config = await oidc.discovery(new URL(place.issuer), application, {}, oidc.ClientSecretBasic(secret));

/** What the application sends. */
const statement = (...wanted) => asking(application, ...wanted);

const ada = await Person.arrives(browser);
await ada.plugsIn();
await ada.addsKey('one');
const sub = place.people.one;

await step('the desk makes a credential for the prescriber', () =>
  desk('POST', '/signer/credentials', {
    request_id: 'judge-1', algorithm: 'rsa-2048',
    subject: { common_name: `${sub}_Ada_Okafor`, user_id: sub, given_name: 'Ada', family_name: 'Okafor' },
  }));

const access = await step('she signs in to the application with her security key', async () => {
  const { url, checks } = await begin(config, { redirect_uri: site.callback, scope: 'openid', acr_values: 'AAL3_ANY' });
  await ada.page.goto(url.href);
  await ada.chooses('Security key');
  await ada.sees('Sign in with your security key');
  await ada.presses('Continue');
  return (await finish(config, await ada.returns(site), checks)).access_token;
});

await step('a request by another key, and one for somebody else, are refused', async () => {
  const payloads = [{ id: 'one', payload: await prepared() }];
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const forged = await ask('POST', '/signaturerequest?state=s', access, statement(sub, payloads, other));
  assert.deepEqual([forged.status, forged.body.code], [401, 'jwt-signature']);
  const foreign = await ask('POST', '/signaturerequest?state=s', access, statement(place.people.three, payloads));
  assert.deepEqual([foreign.status, foreign.body.code], [403, 'jwt-subject']);
});

const signed = await step('she sees what she signs, confirms it, and the application fetches a signature that verifies', async () => {
  const payload = await prepared();
  const state = Buffer.from(JSON.stringify({ page: 'prescriptions' })).toString('base64');
  const path = `/signaturerequest?state=${encodeURIComponent(state)}`;
  const asked = await ask('POST', path, access, statement(sub, [{ id: 'script-1', payload }]));
  assert.equal(asked.status, 200, JSON.stringify(asked.body));
  const { token, redirectUri } = asked.body;
  await ada.page.goto(redirectUri);
  await ada.sees('Sign 1 document', 'sign');
  await ada.page.getByText('Amoxicillin 250mg capsules').waitFor();
  const early = await ask('GET', `/signatureresponse/${token}`, access);
  assert.equal(early.status, 409);
  await ada.presses('Sign');
  const back = await ada.returns(site);
  assert.deepEqual([back.searchParams.get('token'), back.searchParams.get('state')], [token, state]);
  const { status, body } = await ask('GET', `/signatureresponse/${token}`, access);
  assert.equal(status, 200, JSON.stringify(body));
  const key = createPublicKey(new X509Certificate(Buffer.from(body.certificate, 'base64')).publicKey.export({ type: 'spki', format: 'pem' }));
  const octets = Buffer.from(payload, 'base64');
  const value = Buffer.from(body.signatures.find(({ id }) => id === 'script-1').signature, 'base64');
  assert.equal(verify('RSA-SHA256', Buffer.concat([octets, Buffer.from(' ')]), key, value), false, 'the judge refuses other octets');
  assert.equal(verify('RSA-SHA256', octets, key, value), true);
  return body;
});

await step('what was not prepared is called unseen, and she goes back without signing', async () => {
  const payload = Buffer.from(Buffer.from(await prepared(), 'base64').toString().replace(
    /<DigestValue>.*<\/DigestValue>/, `<DigestValue>${Buffer.alloc(32, 7).toString('base64')}</DigestValue>`)).toString('base64');
  const { body } = await ask('POST', '/signaturerequest?state=s', access, statement(sub, [{ id: 'two', payload }]));
  await ada.page.goto(body.redirectUri);
  await ada.sees('Sign 1 document', 'sign-unseen');
  await ada.page.getByRole('heading', { name: '1 document cannot be shown here' }).waitFor();
  await ada.presses('Cancel, and sign nothing');
  const back = await ada.returns(site);
  assert.equal(back.searchParams.get('error'), 'access_denied');
  const gone = await ask('GET', `/signatureresponse/${body.token}`, access);
  assert.deepEqual([gone.status, gone.body.code], [410, 'request-cancelled']);
  // Whoever comes again is led on to where the answer went.
  await ada.page.goto(body.redirectUri);
  assert.equal((await ada.returns(site)).searchParams.get('error'), 'access_denied');
});

const letter = await step('over OAuth she confirms a letter, and the access token signs that and nothing else', async () => {
  const { credentials } = await desk('GET', `/signer/credentials?user_id=${sub}`);
  const document = Buffer.from('Northfield discharge letter');
  const digest = (octets) => createHash('sha256').update(octets).digest('base64');
  const credentialID = credentials[0].credential_id;
  const { url, checks } = await begin(config, {
    redirect_uri: site.callback,
    authorization_details: JSON.stringify([{
      type: 'credential', credentialID, hashAlgorithmOID: '2.16.840.1.101.3.4.2.1',
      documentDigests: [{ hash: digest(document), label: 'Discharge letter' }],
    }]),
  });
  await ada.page.goto(url.href);
  await ada.sees('Sign 1 document', 'confirm');
  await ada.page.getByRole('heading', { name: 'Discharge letter: content not seen' }).waitFor();
  await ada.presses('Sign');
  const { pkceCodeVerifier, expectedState } = checks;
  const granted = await oidc.authorizationCodeGrant(config, await ada.returns(site), { pkceCodeVerifier, expectedState });
  assert.deepEqual([granted.scope, granted.id_token], ['credential', undefined]);
  const signDoc = (octets) => call(place.issuer, 'POST', '/csc/v2/signatures/signDoc', {
    headers: { authorization: `Bearer ${granted.access_token}` },
    body: { credentialID, documentDigests: [{
      hashes: [digest(octets)], hashAlgorithmOID: '2.16.840.1.101.3.4.2.1', signature_format: 'C', conformance_level: 'Ades-B-B',
      signAlgo: '1.2.840.113549.1.1.11', signed_envelope_property: 'Detached',
    }] },
  });
  const other = await signDoc(Buffer.from('another letter'));
  assert(other.status >= 400 && other.status < 500, JSON.stringify(other.body));
  const { status, body } = await signDoc(document);
  assert.equal(status, 200, JSON.stringify(body));
  return { cms: body.SignatureObject[0], document: document.toString('base64') };
});

await step('the report of a verification is a page, for a good signature and for one that is not', async () => {
  const report = async (body) => {
    const told = await call(place.systems, 'POST', '/signer/verifications', { body, by: place.desk, headers: { accept: 'text/html' } });
    assert.equal(told.status, 200, told.body);
    await ada.page.goto('about:blank');
    await ada.page.setContent(told.body);
  };
  await report({ ...letter, document: Buffer.from('another letter').toString('base64') });
  await ada.sees('The signature is not good', 'report-bad');
  await report(letter);
  await ada.sees('The signature is good', 'report');
});

await step('a request that there is not is told of in a page', async () => {
  await ada.page.goto(`${service}/confirm/${randomUUID()}`);
  await ada.sees('This request to sign is over', 'told');
});

await step('the evidence of her signature is checked without a server, and a changed one is not believed', async () => {
  const { signatures } = await desk('GET', `/signer/signatures?user_id=${sub}&client=${application}`);
  // The prescription, and the letter.
  assert.deepEqual([signatures.length, signatures[0].signature], [2, signed.signatures[0].signature]);
  const evidence = async ({ id }) => {
    let given;
    for (let tries = 0; tries < 100; tries += 1) {
      given = await call(place.systems, 'GET', `/signer/signatures/${id}/evidence`, { by: place.desk });
      if (given.status !== 503) break;
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
    assert.equal(given.status, 200, JSON.stringify(given.body));
    return given;
  };
  const [given, ofLetter] = [await evidence(signatures[0]), await evidence(signatures[1])];
  const folder = process.env.HOME;
  const logs = (await call(place.issuer, 'GET', '/audit/logs')).body;
  // The last one is of who issues the certificates of time-stamps.
  const issuers = ['root', 'remote-signing', 'systems'];
  const lists = issuers.map((id) => join(folder, `${id}.crl`));
  for (const [at, id] of issuers.entries()) {
    const { crl } = await desk('GET', `/ca/issuers/${id}/crl`);
    writeFileSync(lists[at], Buffer.from(crl, 'base64'));
  }
  const check = (bundle) => {
    const file = join(folder, 'evidence.json');
    writeFileSync(file, JSON.stringify(bundle));
    return execFileSync(place.program, [
      'verify', '--signature', file, '--log-key', logs.at(-1).verifier_key, '--root', place.root, ...lists.flatMap((list) => ['--crl', list]),
    ], { encoding: 'utf8', stdio: 'pipe' });
  };
  assert.match(check(ofLetter.body), /^VALID/);
  assert.match(check(given.body), /^VALID/);
  const changed = structuredClone(given.body);
  changed.signature.client = 'another-system';
  assert.throws(() => check(changed), /NOT VALID/);
});

await step('she sees her signature on her own page, and ends the credential', async () => {
  await ada.page.goto(`${service}/account`);
  await ada.sees('Your signatures', 'signatures');
  await ada.page.getByText('script-1').waitFor();
  await ada.follows('End this credential');
  await ada.sees('Do you want to end this credential?', 'end-credential');
  await ada.presses('End this credential');
  await ada.sees('Your signatures');
  await ada.page.getByRole('heading', { name: 'RSA-2048: Ended' }).waitFor();
  const refused = await ask('POST', '/signaturerequest?state=s', access, statement(sub, [{ id: 'x', payload: await prepared() }]));
  assert.deepEqual([refused.status, refused.body.code], [409, 'credential-none']);
});

await step('where nobody can show a card, a service that asks for one is not signed in to', async () => {
  const eve = await Person.arrives(browser);
  const { url } = await begin(config, { redirect_uri: site.callback, scope: 'openid', acr_values: 'AAL3_CIS2_SMARTCARD' });
  await eve.page.goto(url.href);
  await eve.sees('No way to sign in is strong enough', 'no-way');
  await eve.follows('Go back');
  assert.equal((await eve.returns(site)).searchParams.get('error'), 'access_denied');
  await eve.leaves();
});

await ada.leaves();
await browser.close();
everyPageWasJudged('signing.mjs');
site.close();
