// Smartcards in Chromium: the browser shows the certificate of a card on the port for cards.
import { desk, place, register, site as makeSite, step } from './place.mjs';
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as oidc from 'openid-client';
import { everyPageWasJudged, Person, start } from './browser.mjs';
import { begin, finish } from './example.mjs';

const site = await makeSite();
const secret = await register('records', site);
const config = await oidc.discovery(new URL(place.issuer), 'records', {}, oidc.ClientSecretBasic(secret));

/** A browser at a desk, with a card in its reader or none, in which somebody has asked to sign in with a card. */
async function atDesk(name, card, act) {
  const home = join(process.env.HOME, name);
  mkdirSync(home);
  const browser = await start(home, card);
  const somebody = await Person.arrives(browser);
  const { url, checks } = await begin(config, { redirect_uri: site.callback, scope: 'openid selectedrole' });
  await somebody.page.goto(url.href);
  await somebody.chooses('Smartcard');
  await somebody.sees('Sign in with your smartcard', 'card');
  await somebody.presses('Continue');
  await act(somebody, checks);
  await somebody.leaves();
  await browser.close();
}

const sessions = async (person) => (await desk('GET', `/authn/people/${place.people[person]}/sessions`)).sessions;

await step('a card signs its holder in', () => atDesk('good', place.card, async (ada, checks) => {
  const { sub, acr, amr } = (await finish(config, await ada.returns(site), checks)).claims();
  assert.deepEqual([sub, acr, amr], [place.people.one, 'AAL3_ANY', ['CIS2_SMARTCARD']]);
  const [session] = await sessions('one');
  const { serialNumber } = new X509Certificate(readFileSync(place.card.certificate));
  assert.equal(session.authenticator.toUpperCase(), `CARD:${serialNumber}`);
}));

await step('without a card the page says what to do, and leads back', () => atDesk('none', null, async (somebody) => {
  await somebody.sees('We did not see a smartcard', 'card-missing');
  assert.equal(new URL(somebody.page.url()).origin, place.cards);
  await somebody.follows('Try again, or choose another way to sign in');
  await somebody.sees('How do you want to sign in to Shared records?');
}));

await step('a certificate of a system is no card', () => atDesk('system', place.desk, async (somebody) => {
  await somebody.sees('Your smartcard did not sign you in', 'card-system');
}));

await step('a card that was cancelled signs nobody in, and the page says so', async () => {
  const { serialNumber } = new X509Certificate(readFileSync(place.other_card.certificate));
  await desk('POST', `/ca/certificates/${serialNumber.toLowerCase()}/revocation`, { reason: 'key_compromise' });
  await atDesk('revoked', place.other_card, async (somebody) => {
    await somebody.sees('Your smartcard did not sign you in', 'card-revoked');
    await somebody.page.getByText('Your smartcard was cancelled.').waitFor();
  });
  assert.deepEqual(await sessions('three'), []);
});

everyPageWasJudged('cards.mjs');
site.close();
