// People in Chromium: they enrol, sign in in every way, choose roles, look after what is theirs, and sign out.
import { call, desk, link, place, register, site as makeSite, step } from './place.mjs';
import assert from 'node:assert/strict';
import * as oidc from 'openid-client';
import { everyPageWasJudged, faults, Person, start } from './browser.mjs';
import { begin, finish } from './example.mjs';

const LEVEL_2 = 'AAL2_OR_AAL3_ANY';
const site = await makeSite();
const browser = await start(process.env.HOME);
const secret = await register('records', site);
const config = await oidc.discovery(new URL(place.issuer), 'records', {}, oidc.ClientSecretBasic(secret));
const person = (options) => Person.arrives(browser, options);

/** Sends somebody's browser to sign in; how to make an ID token of what they come back with. */
async function sent(somebody, options = {}) {
  const { url, checks } = await begin(config, { redirect_uri: site.callback, scope: 'openid', ...options });
  await somebody.page.goto(url.href);
  return async () => (await finish(config, await somebody.returns(site), checks)).claims();
}

/** Comes back to the application with a refusal. */
async function refused(somebody, error) {
  const back = await somebody.returns(site);
  assert.equal(back.searchParams.get('error'), error);
}

const session = async (somebody) =>
  (await somebody.page.context().cookies()).some((cookie) => cookie.name === '__Host-lanyard-session');

await step('the judge of pages finds a page without a language, a title and names', async () => {
  const somebody = await person();
  await somebody.page.setContent('<img src="data:,"><input><p style="color:#aaa;background:#fff">pale</p>');
  const found = (await faults(somebody.page)).map((fault) => fault.split(':')[0]);
  for (const id of ['color-contrast', 'document-title', 'html-has-lang', 'image-alt', 'label']) assert(found.includes(id), id);
  await somebody.leaves();
});

const ada = await person();
const key = await ada.plugsIn();

await step('a security key is enrolled by a link that works once, and signs in', async () => {
  const address = await link('one');
  await ada.page.goto(address);
  await ada.presses('Begin');
  const other = await person();
  await other.page.goto(address);
  await other.sees('This link does not work', 'link-over');
  await other.leaves();
  await ada.addsKey('one');
  const claims = await sent(ada, { scope: 'openid selectedrole' });
  await ada.sees('How do you want to sign in to Shared records?', 'choose');
  for (const weaker of ['Passkey', 'Authenticator app']) assert.equal(await ada.page.getByLabel(weaker).count(), 0, weaker);
  await ada.presses('Continue');
  await ada.sees('How do you want to sign in to Shared records?', 'choose-error');
  await ada.chooses('Security key');
  await ada.sees('Sign in with your security key', 'key');
  await ada.presses('Continue');
  const { sub, acr, amr, selected_roleid: role } = await claims();
  assert.deepEqual([sub, acr, amr], [place.people.one, 'AAL3_ANY', ['FIDO2']]);
  assert.match(role, /^\d{12}$/, 'one role is taken silently');
});

await step('whoever is signed in is not asked again, and prompt=login asks anew by the way that was chosen before', async () => {
  const silent = await sent(ada, { prompt: 'none' });
  const before = await silent();
  const anew = await sent(ada, { prompt: 'login' });
  await ada.sees('Sign in with your security key');
  await ada.presses('Continue');
  const after = await anew();
  assert.equal(after.sub, before.sub);
  assert(after.auth_time >= before.auth_time);
});

await step('a key that does not make sure who uses it signs nobody in, and the page says so', async () => {
  await sent(ada, { prompt: 'login' });
  await ada.cdp.send('WebAuthn.setUserVerified', { authenticatorId: key, isUserVerified: false });
  await ada.presses('Continue');
  const told = ada.page.getByRole('alert').getByText('Nothing was confirmed');
  await told.waitFor();
  await ada.sees('Sign in with your security key', 'key-error');
  await ada.cdp.send('WebAuthn.setUserVerified', { authenticatorId: key, isUserVerified: true });
  await ada.follows('Choose another way to sign in');
  await ada.sees('How do you want to sign in to Shared records?');
  await ada.follows('Cancel and go back to Shared records');
  await refused(ada, 'access_denied');
});

await step('a page whose request was cancelled meanwhile says that it is over', async () => {
  await sent(ada, { prompt: 'login' });
  await ada.sees('Sign in with your security key');
  const cancel = await ada.page.getByRole('link', { name: 'Cancel and go back to Shared records' }).getAttribute('href');
  const tab = await ada.page.context().newPage();
  await tab.goto(place.issuer + cancel);
  await tab.close();
  await ada.presses('Continue');
  await ada.page.getByRole('alert').getByText('This page is over').waitFor();
});

await step('a key that cannot make sure who uses it is not enrolled', async () => {
  const somebody = await person();
  await somebody.plugsIn({ hasUserVerification: false, isUserVerified: false });
  await somebody.opens('none');
  await somebody.follows('A security key');
  await somebody.presses('Continue');
  await somebody.page.locator('#trouble-title').waitFor();
  await somebody.sees('Add a security key', 'enrol-key-error');
  const { authenticators } = await desk('GET', `/authn/people/${place.people.none}/authenticators`);
  assert.deepEqual(authenticators, []);
  await somebody.leaves();
});

await step('this device signs in; of three roles one is chosen, counts for the session and is chosen anew', async () => {
  const bea = await person();
  await bea.plugsIn({ transport: 'internal' });
  await bea.addsDevice('three');
  const first = await sent(bea, { scope: 'openid selectedrole' });
  await bea.chooses('Windows Hello or this device');
  await bea.sees('Sign in with this device', 'device');
  await bea.presses('Continue');
  await bea.sees('Choose a role', 'role');
  assert.equal(await bea.page.getByRole('radio').count(), 3);
  await bea.presses('Continue');
  await bea.sees('Choose a role', 'role-error');
  await bea.chooses('LARKFIELD HEALTH CENTRE (Z00002)');
  const claims = await first();
  assert.deepEqual([claims.amr, claims.acr], [['FIDO2'], 'AAL3_ANY']);
  const again = await sent(bea, { scope: 'openid selectedrole' });
  assert.equal((await again()).selected_roleid, claims.selected_roleid);
  const anew = await sent(bea, { scope: 'openid changedrole' });
  await bea.chooses('ST BRIDE’S HOSPITAL (Z00003)');
  assert.notEqual((await anew()).selected_roleid, claims.selected_roleid);
  await sent(bea, { scope: 'openid changedrole' });
  await bea.follows('Cancel and go back to Shared records');
  await refused(bea, 'access_denied');
  await bea.leaves();
});

await step('a synced passkey is worth level two and no more; eight roles are searched', async () => {
  const cal = await person();
  await cal.plugsIn({ transport: 'internal', defaultBackupEligibility: true, defaultBackupState: true });
  await cal.addsDevice('eight', 'my phone');
  await sent(cal);
  await cal.chooses('Security key');
  await cal.presses('Continue');
  await cal.page.getByRole('alert').getByText('This service needs a stronger way to sign in').waitFor();
  assert.equal(await session(cal), false);
  const claims = await sent(cal, { scope: 'openid selectedrole', acr_values: LEVEL_2 });
  await cal.follows('Choose another way to sign in');
  await cal.sees('How do you want to sign in to Shared records?', 'choose-all');
  await cal.chooses('Passkey');
  await cal.sees('Sign in with your passkey', 'passkey');
  await cal.presses('Continue');
  await cal.sees('Choose a role', 'role-search');
  assert.equal(await cal.page.getByRole('radio').count(), 8);
  await cal.types('Search by organisation or role', 'nowhere');
  await cal.presses('Search');
  await cal.page.getByText('0 roles found.').waitFor();
  await cal.sees('Choose a role', 'role-none');
  await cal.types('Search by organisation or role', 'harbour');
  await cal.presses('Search');
  await cal.page.getByText('1 role found.').waitFor();
  await cal.chooses('HARBOUR COMMUNITY CARE (Z00005)');
  const { acr, amr, authentication_assurance_level: level } = await claims();
  assert.deepEqual([acr, amr, level], ['AAL2_ANY', ['PASSKEY'], '2']);
  await cal.leaves();
});

await step('who has no role is told as one without', async () => {
  const dan = await person();
  await dan.plugsIn();
  await dan.addsKey('none');
  const claims = await sent(dan, { scope: 'openid selectedrole' });
  await dan.chooses('Security key');
  await dan.presses('Continue');
  assert.equal((await claims()).selected_roleid, '');
  await dan.leaves();
});

await step('an authenticator app: enrolled with a password that is long enough, wrong codes refused, each code once', async () => {
  const eve = await person();
  const known = { email: 'eve@mail.example.test', password: 'violet harbour engine' };
  const app = await eve.addsApp('app', known);
  const claims = await sent(eve, { acr_values: LEVEL_2 });
  await eve.chooses('Authenticator app');
  await eve.sees('Sign in with your authenticator app', 'app');
  const code = app.code();
  const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
  await eve.givesApp(known, wrong);
  await eve.sees('Sign in with your authenticator app', 'app-error');
  assert.equal(await session(eve), false);
  assert.equal(await eve.page.getByLabel('E-mail address').inputValue(), known.email);
  assert.equal(await eve.page.getByLabel('Password').inputValue(), '');
  await eve.givesApp({ ...known, password: 'another long password' }, code);
  await eve.page.getByRole('alert').getByText('Those details are not right').waitFor();
  await eve.givesApp(known, code);
  const { acr, amr } = await claims();
  assert.deepEqual([acr, amr], ['AAL2_ANY', ['TOTP']]);
  await sent(eve, { acr_values: LEVEL_2, prompt: 'login' });
  await eve.givesApp(known, code);
  await eve.page.getByRole('alert').getByText('That code was used already').waitFor();
  await eve.leaves();

  // The same without script.
  const plain = await person({ javaScriptEnabled: false });
  const silent = await sent(plain, { acr_values: LEVEL_2 });
  await plain.chooses('Security key');
  assert.match(await plain.page.locator('noscript p').innerText(), /^Your browser runs no script/);
  assert.equal(await plain.page.getByRole('button', { name: 'Continue' }).count(), 0, 'a button that does nothing');
  await plain.follows('Choose another way to sign in');
  await plain.chooses('Authenticator app');
  await plain.givesApp(known, app.code());
  assert.equal((await silent()).sub, place.people.app);
  await plain.page.goto(`${place.issuer}/account`);
  await plain.page.getByText('this browser').waitFor();
  await plain.presses('Sign out');
  await plain.sees('You are not signed in');
  // The answer by form is a button where no script presses it.
  await plain.page.goto((await begin(config, {
    redirect_uri: site.callback, scope: 'openid', response_mode: 'form_post', prompt: 'none',
  })).url.href);
  await plain.presses('Continue');
  await plain.returns(site);
  assert.equal(new URLSearchParams(site.came.at(-1).body).get('error'), 'login_required');
  await plain.leaves();
});

await step('on the account page people name, add and remove what signs them in, and end sessions', async () => {
  const elsewhere = await person();
  await ada.page.goto(`${place.issuer}/account`);
  await ada.sees('Your sign-in', 'account');
  await ada.types('Another name for blue key', 'green key');
  await ada.presses('Rename blue key');
  await ada.page.getByRole('heading', { name: 'green key' }).waitFor();
  await ada.cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: key });
  const second = await ada.plugsIn();
  await ada.presses('Add a way to sign in');
  await ada.presses('Begin');
  await ada.follows('A security key');
  await ada.types('What do you call it?', 'spare key');
  await ada.presses('Continue');
  // One that does not prove its model is added where somebody sees what it is.
  await ada.page.getByText('Take it to your registration authority, and ask for a link there.').waitFor();
  await ada.addsKey('one', 'spare key');
  // The spare key goes to another browser.
  const { credentials } = await ada.cdp.send('WebAuthn.getCredentials', { authenticatorId: second });
  const there = await elsewhere.plugsIn();
  await elsewhere.cdp.send('WebAuthn.addCredential', { authenticatorId: there, credential: credentials.at(-1) });
  const claims = await sent(elsewhere);
  await elsewhere.chooses('Security key');
  await elsewhere.presses('Continue');
  assert.equal((await claims()).sub, place.people.one);
  await ada.page.goto(`${place.issuer}/account`);
  await ada.sees('Your sign-in', 'account-more');
  await ada.presses('Sign out there');
  await ada.page.getByRole('button', { name: 'Sign out there' }).waitFor({ state: 'detached' });
  await elsewhere.page.goto(`${place.issuer}/account`);
  await elsewhere.sees('You are not signed in', 'not-signed-in');
  // What is taken away signs nobody in.
  await ada.presses('Remove spare key');
  await ada.page.getByRole('heading', { name: 'spare key' }).waitFor({ state: 'detached' });
  await sent(elsewhere);
  await elsewhere.presses('Continue');
  await elsewhere.page.getByRole('alert').getByText('We do not know this key').waitFor();
  await elsewhere.sees('Sign in with your security key', 'key-unknown');
  await elsewhere.leaves();
  // Whoever takes away what they signed in with is signed out.
  await ada.presses('Remove green key');
  await ada.sees('You are not signed in');
});

await step('recovery takes the place of everything else', async () => {
  const bea = await person();
  await bea.plugsIn();
  await bea.opens('three', 'recovery');
  await bea.follows('A security key');
  await bea.presses('Continue');
  await bea.sees('It is added');
  const { authenticators } = await desk('GET', `/authn/people/${place.people.three}/authenticators`);
  assert.deepEqual(authenticators.map(({ method }) => method), ['security-key']);
  const claims = await sent(bea);
  await bea.chooses('Security key');
  await bea.presses('Continue');
  await claims();
  // Signing out without a sign of the person's will is a question.
  await bea.page.goto(`${place.issuer}/end-session`);
  await bea.sees('Do you want to sign out?', 'sign-out');
  await bea.presses('Sign out');
  await bea.sees('You are signed out', 'signed-out');
  await bea.page.goto(`${place.issuer}/account`);
  await bea.sees('You are not signed in');
  await bea.leaves();
});

await step('in a sandbox one signs in as anybody, gets any error, takes the card out and looks at a logout token', async () => {
  const cat = await person();
  await sent(cat);
  await cat.follows('Sandbox: sign in as somebody without proving it, or answer with an error');
  await cat.sees('Sign in as somebody', 'sandbox-personas');
  await cat.types('Or somebody else of the register, by their user id', 'nobody');
  await cat.presses('Sign in');
  await cat.sees('Sign in as somebody', 'sandbox-personas-error');
  await cat.page.getByLabel('temporarily_unavailable', { exact: true }).check();
  await cat.presses('Answer with this');
  await refused(cat, 'temporarily_unavailable');
  const claims = await sent(cat);
  await cat.follows('Sandbox: sign in as somebody without proving it, or answer with an error');
  await cat.types('Or somebody else of the register, by their user id', place.people.three);
  await cat.page.getByLabel('Smartcard (level 3)', { exact: true }).check();
  await cat.presses('Sign in');
  const { sub, amr } = await claims();
  assert.deepEqual([sub, amr], [place.people.three, ['CIS2_SMARTCARD']]);
  await cat.page.goto(`${place.issuer}/sandbox`);
  await cat.sees('Sandbox', 'sandbox-desk');
  await cat.presses('Show a logout token');
  await cat.sees('A logout token', 'sandbox-token');
  await cat.follows('Back');
  await cat.presses('Take the card out');
  await cat.page.getByText('Nobody is signed in here').waitFor();
  await cat.sees('Sandbox', 'sandbox-desk-empty');
  await cat.leaves();
});

await step('pages that refuse, and the one that sends an answer on', async () => {
  const somebody = await person();
  await somebody.page.goto(`${place.issuer}/authorize?client_id=nobody&response_type=code&redirect_uri=https://evil.example`);
  await somebody.sees('This sign-in cannot go on', 'refused');
  await somebody.page.goto(`${place.issuer}/sign-in/none`);
  await somebody.sees('Start again from your service', 'start-again');
  await somebody.page.route(site.callback, (route) => route.fulfill({ status: 204 }));
  await somebody.page.goto((await begin(config, {
    redirect_uri: site.callback, scope: 'openid', response_mode: 'form_post', prompt: 'none',
  })).url.href, { waitUntil: 'commit' });
  await somebody.sees('Going back to your application', 'form-post');
  await somebody.page.unroute(site.callback);
  await somebody.page.goto(`${place.issuer}/login/error`);
  await somebody.sees('Your smartcard did not sign you in', 'cis1-error');
  // What no form of ours sends, and a form of ours that another site sends.
  const posts = (enctype) => somebody.page.evaluate(([action, kind]) => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action, enctype: kind });
    document.body.append(form);
    form.submit();
  }, [`${place.issuer}/sandbox/card-removal`, enctype]);
  await posts('text/plain');
  await somebody.sees('This was not done', 'problem');
  await somebody.page.goto(site.signedOut);
  await posts('application/x-www-form-urlencoded');
  await somebody.sees('This did not come from our page', 'not-our-page');
  await somebody.leaves();
  const narrow = await person({ viewport: { width: 320, height: 640 } });
  for (const path of ['/sign-in/none', '/account']) {
    await narrow.page.goto(place.issuer + path);
    const wide = await narrow.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    assert.equal(wide, false, `${path} scrolls sideways on a small screen`);
  }
  await narrow.leaves();
});

await step('whoever guesses is told to wait, and can choose another way at once', async () => {
  const stranger = await person();
  await sent(stranger, { acr_values: LEVEL_2 });
  await stranger.chooses('Authenticator app');
  let status;
  // Each further attempt waits twice as long as the one before.
  for (let tries = 0; tries < 12 && status !== 429; tries += 1) {
    const answered = stranger.page.waitForResponse((response) => response.request().method() === 'POST');
    await stranger.givesApp({ email: 'eve@mail.example.test', password: 'not her own password' }, '000000');
    status = (await answered).status();
    await stranger.page.waitForLoadState();
  }
  assert.equal(status, 429);
  await stranger.page.getByRole('alert').getByText('Wait before you try again').waitFor();
  await stranger.sees('Sign in with your authenticator app', 'app-slowed');
  await stranger.follows('Choose another way to sign in');
  await stranger.sees('How do you want to sign in to Shared records?');
  await stranger.leaves();
});

await step('pages are in no frame', async () => {
  const answer = await call(place.issuer, 'GET', '/account');
  assert.match(answer.headers['content-security-policy'], /frame-ancestors 'none'/);
});

await ada.leaves();
await browser.close();
everyPageWasJudged('people.mjs');
site.close();
