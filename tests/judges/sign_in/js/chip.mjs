// A smartcard in Chromium: OpenSC's module has the card itself sign on the port for cards.
import { desk, place, register, site as makeSite, step } from './place.mjs';
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as oidc from 'openid-client';
import { everyPageWasJudged, Person, start } from './browser.mjs';
import { begin, finish } from './example.mjs';

const site = await makeSite();
const secret = await register('records', site);
const config = await oidc.discovery(new URL(place.issuer), 'records', {}, oidc.ClientSecretBasic(secret));

await step('the card that the authority issued signs its holder in', async () => {
  const home = join(process.env.HOME, 'chip');
  mkdirSync(home);
  const browser = await start(home, place.chip);
  const ada = await Person.arrives(browser);
  // A card is slower than a file, and read to its end before it is first used.
  ada.page.context().setDefaultTimeout(60_000);
  const { url, checks } = await begin(config, { redirect_uri: site.callback, scope: 'openid selectedrole' });
  await ada.page.goto(url.href);
  await ada.chooses('Smartcard');
  await ada.sees('Sign in with your smartcard');
  await ada.presses('Continue with my browser');
  const { sub, acr, amr } = (await finish(config, await ada.returns(site), checks)).claims();
  assert.deepEqual([sub, acr, amr], [place.people.one, 'AAL3_ANY', ['CIS2_SMARTCARD']]);
  const { sessions } = await desk('GET', `/authn/people/${place.people.one}/sessions`);
  assert.deepEqual(sessions.map(({ authenticator }) => authenticator.toUpperCase()), [`CARD:${place.chip.serial.toUpperCase()}`]);
  await ada.page.goto(`${place.issuer}/account`);
  await ada.follows('See and renew your smartcards');
  await ada.sees('Your smartcards', 'own-cards');
  await ada.follows(`Renew card ${place.chip.number}`);
  await ada.sees('Renew your smartcard', 'renew-card');
  await ada.presses('Renew the card');
  // No agent runs here; the renewal has begun, and is gone on with by whoever comes back.
  await ada.page.getByRole('heading', { name: 'We could not speak to your card reader' }).waitFor();
  await ada.page.reload();
  await ada.page.getByText('Its renewal was begun and is not done.').waitFor();
  await ada.leaves();
  await browser.close();
});

everyPageWasJudged('chip.mjs');
site.close();
