// Smartcards by an agent: the page in Chromium has a program on this machine sign with a card in software, and brings the answer back, to sign in
// and to sign documents.
import { call, desk, place, register, site as makeSite, step } from './place.mjs';
import assert from 'node:assert/strict';
import { createHash, createPublicKey, createSign, generateKeyPairSync, verify, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import * as oidc from 'openid-client';
import { everyPageWasJudged, Person, start } from './browser.mjs';
import { ask, jwk, prepared, statement } from './dss.mjs';
import { begin, finish } from './example.mjs';

const site = await makeSite();
const secret = await register('records', site);
const config = await oidc.discovery(new URL(place.issuer), 'records', {}, oidc.ClientSecretBasic(secret));

/** What is signed, written from the description of the messages. */
const message = ({ server, client, service, interaction, nonce, expires_at }) =>
  ['lanyard card sign-in 1', server, client, service, interaction, nonce, expires_at].join('\n');

/** The agent of this workstation, with the card that is in its reader. */
class Agent {
  constructor() {
    this.watches = [];
    this.refused = [];
    this.server = http.createServer((request, response) => this.answer(request, response));
  }

  async answer(request, response) {
    const { origin } = request.headers;
    response.setHeader('access-control-allow-origin', place.issuer);
    response.setHeader('access-control-allow-headers', 'content-type');
    response.setHeader('access-control-allow-private-network', 'true');
    if (request.method === 'OPTIONS') return response.end();
    const parts = [];
    for await (const part of request) parts.push(part);
    const asked = JSON.parse(Buffer.concat(parts));
    response.setHeader('content-type', 'application/json');
    // An agent signs for the page of the server that asks, and for no other.
    if (origin !== place.issuer || (request.url === '/sign-in' && asked.server !== origin)) {
      this.refused.push(asked);
      response.statusCode = 403;
      return response.end(JSON.stringify({ title: 'No', detail: 'Not from here.' }));
    }
    if (request.url === '/watch') {
      await this.held;
      this.watches.push(asked);
      return response.end('{}');
    }
    const der = new X509Certificate(readFileSync(this.card.certificate)).raw;
    const signature = createSign('sha256').update(message(asked)).sign(readFileSync(this.card.key));
    return response.end(JSON.stringify({
      certificate: der.toString('base64'), algorithm: 'ES256', signature: signature.toString('base64'),
    }));
  }

  async start() {
    this.server.listen(place.agent, '127.0.0.1');
    await once(this.server, 'listening');
  }

  /** The card is taken out, which the agent tells of the last session. */
  async removed() {
    const { address, secret } = this.watches.at(-1);
    const url = new URL(address);
    return call(url.origin, 'POST', url.pathname, { body: { secret } });
  }
}

const agent = new Agent();
await agent.start();

/** The same agent as the national library finds it and speaks to it, with the signing key of the card. It serves the pages of the server alone. */
class Hub {
  static PORTS = [43487, 44213, 45031, 46478, 48853];

  constructor(certificate, key) {
    Object.assign(this, { certificate, key, asked: [], opened: 0, aborted: 0 });
    this.server = http.createServer((request, response) => this.answer(request, response));
  }

  async answer(request, response) {
    const url = new URL(request.url, 'http://localhost');
    const parts = [];
    for await (const part of request) parts.push(part);
    response.setHeader('access-control-allow-origin', place.issuer);
    response.setHeader('content-type', 'application/json; charset=UTF-8');
    const known = url.searchParams.get('connectionToken') === 'a token';
    const answers = {
      '/PRS/GetPortNumber': () => ({ portData: { portNumber: this.server.address().port } }),
      '/signalr/negotiate': () => {
        this.opened += 1;
        return { ConnectionToken: 'a token', ProtocolVersion: '1.5' };
      },
      '/signalr/connect': () => known && { C: '0', S: 1, M: [] },
      '/signalr/start': () => known && { Response: 'started' },
      '/signalr/send': () => known && this.called(JSON.parse(new URLSearchParams(Buffer.concat(parts).toString()).get('data'))),
      '/signalr/abort': () => {
        this.aborted += 1;
        return {};
      },
    };
    const said = request.headers.origin === place.issuer && answers[url.pathname]?.();
    if (!said) response.statusCode = 403;
    response.end(JSON.stringify(said || {}));
  }

  /** What the hub answers to a call. */
  called({ H, M, A: [argument], I }) {
    assert.deepEqual([H, M], ['signinghub', 'requestToSign']);
    const asked = JSON.parse(Buffer.from(argument, 'base64').toString());
    this.asked.push(asked);
    const failed = this.refuses;
    const signatures = asked.payloads.map(({ id, payload }) => {
      const value = createSign('sha256').update(Buffer.from(payload, 'base64')).sign(this.key);
      return { id, signature: failed ? '' : value.toString('base64') };
    });
    return {
      I: String(I),
      R: {
        certificate: failed ? '' : this.certificate, status_code: failed ? 0x53494703 : 0, status_string: failed ? 'ERROR' : 'OK',
        message: failed ?? '', timestamp: new Date().toISOString(), signatures: failed ? [] : signatures,
        failed_signatures: failed ? signatures : [],
      },
    };
  }

  /** Listens on the first of the ports that is free. */
  async start() {
    for (const port of Hub.PORTS) {
      this.server.listen(port, '127.0.0.1');
      if (await once(this.server, 'listening').then(() => true, () => false)) return;
    }
    assert.fail('every port at which pages look for an agent is taken');
  }
}
const home = join(process.env.HOME, 'agent');
mkdirSync(home);
const browser = await start(home);

/** Somebody asks to sign in with a card that is in the reader. */
async function atDesk(card, act) {
  agent.card = card;
  const somebody = await Person.arrives(browser);
  const { url, checks } = await begin(config, { redirect_uri: site.callback, scope: 'openid selectedrole' });
  await somebody.page.goto(url.href);
  await somebody.chooses('Smartcard');
  await somebody.sees('Sign in with your smartcard', 'card-agent');
  await somebody.presses('Continue');
  await act(somebody, checks);
  await somebody.leaves();
}

const sessions = async (person) => (await desk('GET', `/authn/people/${place.people[person]}/sessions`)).sessions;

await step('a card that the agent has sign signs its holder in', () => atDesk(place.card, async (ada, checks) => {
  const { sub, acr, amr } = (await finish(config, await ada.returns(site), checks)).claims();
  assert.deepEqual([sub, acr, amr], [place.people.one, 'AAL3_ANY', ['CIS2_SMARTCARD']]);
  const [session] = await sessions('one');
  const { serialNumber } = new X509Certificate(readFileSync(place.card.certificate));
  assert.equal(session.authenticator.toUpperCase(), `CARD:${serialNumber}`);
}));

await step('a card that is taken out ends its session within a second', async () => {
  const begun = performance.now();
  const { status, body } = await agent.removed();
  assert.deepEqual([status, body], [200, { session: 'ended' }]);
  assert.deepEqual(await sessions('one'), []);
  assert(performance.now() - begun < 1000);
  assert.equal((await agent.removed()).status, 404);
});

await step('a prescriber signs a prescription with their card, from the page to a signature that verifies', async () => {
  const application = place.system_name;
  const [name, sub] = ['Northfield prescribing', place.people.one];
  const own = await register(application, site, { client_name: name, jwks: { keys: [jwk] }, signing: { callback_uri: site.callback, unseen: 'refused' } });
  const client = await oidc.discovery(new URL(place.issuer), application, {}, oidc.ClientSecretBasic(own));
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const issued = await desk('POST', '/ca/certificates', {
    request_id: 'card-signing-one', profile: 'card-signing',
    subject: { common_name: `${sub}_Ada_Okafor`, user_id: sub, given_name: 'Ada', family_name: 'Okafor' },
    key: { public_key: pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64') },
  });
  const hub = new Hub(issued.certificate, pair.privateKey);

  agent.card = place.card;
  const ada = await Person.arrives(browser);
  const { url, checks } = await begin(client, { redirect_uri: site.callback, scope: 'openid', acr_values: 'AAL3_ANY' });
  await ada.page.goto(url.href);
  await ada.chooses('Smartcard');
  await ada.sees('Sign in with your smartcard');
  await ada.presses('Continue');
  const { access_token: access } = await finish(client, await ada.returns(site), checks);
  const payload = await prepared();
  const { status, body } = await ask('POST', '/signaturerequest?state=s', access, statement(application, sub, [{ id: 'script-1', payload }]));
  assert.equal(status, 200, JSON.stringify(body));

  await ada.page.goto(body.redirectUri);
  await ada.sees('Sign 1 document', 'sign-card');
  await ada.page.getByText('Amoxicillin 250mg capsules').waitFor();
  await ada.presses('Sign with your smartcard');
  await ada.page.getByText('We could not speak to your card reader').waitFor();
  await hub.start();
  hub.refuses = 'The passcode was not given.';
  await ada.presses('Sign with your smartcard');
  await ada.page.getByText('The passcode was not given.').waitFor();
  assert.equal((await ask('GET', `/signatureresponse/${body.token}`, access)).status, 409, 'nothing is signed yet');

  hub.refuses = undefined;
  await ada.presses('Sign with your smartcard');
  const back = await ada.returns(site);
  assert.deepEqual([back.searchParams.get('token'), back.searchParams.get('state'), back.searchParams.get('error')], [body.token, 's', null]);
  const signed = await ask('GET', `/signatureresponse/${body.token}`, access);
  assert.equal(signed.status, 200, JSON.stringify(signed.body));
  assert.equal(signed.body.certificate, issued.certificate);
  assert.deepEqual(signed.body.signatures.map(({ id }) => id), ['script-1']);
  const key = createPublicKey(new X509Certificate(Buffer.from(signed.body.certificate, 'base64')).publicKey.export({ type: 'spki', format: 'pem' }));
  const [octets, value] = [payload, signed.body.signatures[0].signature].map((text) => Buffer.from(text, 'base64'));
  assert.equal(verify('RSA-SHA256', Buffer.concat([octets, Buffer.from(' ')]), key, value), false, 'the judge refuses other octets');
  assert.equal(verify('RSA-SHA256', octets, key, value), true);
  // The document as it was prepared and, beside it, that she was there; each connection was closed.
  const asked = hub.asked.at(-1);
  assert.deepEqual([asked.algorithm, asked.payloads.length, asked.payloads[0]], ['RS256', 2, { id: 'script-1', payload }]);
  assert.deepEqual([hub.asked.length, hub.opened, hub.aborted], [2, 2, 2]);
  hub.server.close();
  hub.server.closeAllConnections();
  await agent.removed();
  await ada.leaves();
});

await step('a certificate of a system is no card', () => atDesk(place.desk, async (somebody) => {
  await somebody.page.getByText('The certificate that was shown is a system').waitFor();
}));

await step('a certificate that leads to no root of ours is no card', () => atDesk(place.site, async (somebody) => {
  await somebody.page.getByText('That certificate is not the one for signing in.').waitFor();
}));

await step('a card that was cancelled signs nobody in, and the page says so', async () => {
  const { serialNumber } = new X509Certificate(readFileSync(place.other_card.certificate));
  await desk('POST', `/ca/certificates/${serialNumber.toLowerCase()}/revocation`, { reason: 'key_compromise' });
  await atDesk(place.other_card, async (somebody) => {
    await somebody.page.getByText('Your smartcard was cancelled.').waitFor();
  });
  assert.deepEqual(await sessions('three'), []);
});

await step('a card that signs in by TLS is watched by the agent all the same', async () => {
  const own = join(process.env.HOME, 'tls');
  mkdirSync(own);
  const shows = await start(own, place.card);
  const ada = await Person.arrives(shows);
  const { url, checks } = await begin(config, { redirect_uri: site.callback, scope: 'openid selectedrole' });
  await ada.page.goto(url.href);
  await ada.chooses('Smartcard');
  let go;
  agent.held = new Promise((resolve) => (go = resolve));
  await ada.presses('Continue with my browser');
  await ada.sees('You are signed in', 'card-watched');
  go();
  assert.equal((await finish(config, await ada.returns(site), checks)).claims().sub, place.people.one);
  const { raw } = new X509Certificate(readFileSync(place.card.certificate));
  assert.equal(agent.watches.at(-1).certificate, createHash('sha256').update(raw).digest('hex'));
  assert.deepEqual((await agent.removed()).body, { session: 'ended' });
  assert.deepEqual(await sessions('one'), []);
  await ada.leaves();
  await shows.close();
});

await step('a holder asks for a code on the page for it, and a wrong one unlocks nothing', async () => {
  const somebody = await Person.arrives(browser);
  await somebody.page.goto(`${place.issuer}/sign-in/unlock-card`);
  await somebody.page.getByLabel('Serial number of the card').waitFor();
  await somebody.sees('Unlock your smartcard', 'unlock-card');
  await somebody.types('Serial number of the card', '4711');
  await somebody.types('Your e-mail address or mobile number', 'nobody@trust.example');
  await somebody.presses('Continue');
  await somebody.page.getByText('a code is on its way').waitFor();
  await somebody.types('Code', '000000');
  await somebody.presses('Unlock the card');
  await somebody.page.getByRole('heading', { name: 'This did not work' }).waitFor();
  await somebody.leaves();
});

await step('without an agent the page says what to do', async () => {
  agent.server.close();
  agent.server.closeAllConnections();
  await atDesk(place.card, async (somebody) => {
    await somebody.page.getByText('We could not speak to your card reader').waitFor();
    await somebody.follows('Choose another way to sign in');
    await somebody.sees('How do you want to sign in to Shared records?');
  });
});

assert.deepEqual(agent.refused, []);
await browser.close();
everyPageWasJudged('agent.mjs');
site.close();
