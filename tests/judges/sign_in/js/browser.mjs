// A real browser: its people, their keys, and the judge of its pages.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { App, link, place, telling } from './place.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const QUIET = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync',
];

/** Starts Chromium with a home of its own, in which it knows our root, and a card where one is given: its certificate and key in files, or what
 * speaks to the card in a reader. */
export async function start(home, card) {
  const database = join(home, '.pki/nssdb');
  mkdirSync(database, { recursive: true });
  const nss = (program, ...rest) => execFileSync(program, ['-d', `sql:${database}`, ...rest], { stdio: 'pipe' });
  nss('certutil', '-N', '--empty-password');
  nss('certutil', '-A', '-n', 'root', '-t', 'C,,', '-i', place.root);
  if (card?.module) {
    execFileSync('modutil', ['-force', '-dbdir', `sql:${database}`, '-add', 'card', '-libfile', card.module], { stdio: 'pipe' });
  } else if (card) {
    const file = join(home, 'card.p12');
    execFileSync('openssl', [
      'pkcs12', '-export', '-in', card.certificate, '-inkey', card.key, '-out', file, '-passout', 'pass:x', '-name', 'card',
    ]);
    nss('pk12util', '-i', file, '-W', 'x');
  }
  const reader = card?.module ? { PCSCLITE_CSOCK_NAME: card.socket, LANYARD_TEST_PASSCODE: card.passcode } : {};
  const env = { ...process.env, HOME: home, ...reader };
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: QUIET, env });
}

/** Runs axe on a page and gives what it says is wrong. */
export async function faults(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((values) => window.axe.run({ runOnly: { type: 'tag', values } }), RULES);
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' | ')}`);
}

/** The code that was sent to an address, when it has come: messages go into a folder. */
async function codeSentTo(address) {
  const folder = join(place.folder, 'mailbox');
  const until = Date.now() + 30_000;
  for (;;) {
    const letters = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.eml')) : [];
    const texts = letters.map((name) => readFileSync(join(folder, name), 'utf8'));
    const code = texts.find((text) => text.includes(`To: ${address}`))?.match(/Your code is ([0-9A-Z-]{14})\./)?.[1];
    if (code) return code;
    assert(Date.now() < until, `no code came for ${address}`);
    await pause(50);
  }
}

/** Every page that the list has for a script was judged in it, and no other. A house test holds the list against templates and titles. */
export function everyPageWasJudged(script) {
  const { judged } = JSON.parse(readFileSync(new URL('pages.json', import.meta.url)));
  assert.deepEqual([...Person.judged].sort(), judged[script]);
}

/** Somebody with a browser window of their own. */
export class Person {
  /** The pages that were judged, by their names. */
  static judged = new Set();

  constructor(page, problems) {
    this.page = page;
    this.problems = problems;
  }

  static async arrives(browser, options = {}) {
    const context = await browser.newContext({ viewport: { width: 900, height: 900 }, ...options });
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    const problems = [];
    telling.push(async () => `${page.url()}\n${await page.innerText('main', { timeout: 500 }).catch(() => 'closed')}`);
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (said) => {
      if (said.type() === 'error' && /policy/i.test(said.text())) problems.push(said.text());
    });
    return new Person(page, problems);
  }

  /** Nothing on a page was forbidden by its own policy, and no script failed. */
  async leaves() {
    await this.page.context().close();
    assert.deepEqual(this.problems, []);
  }

  /** Demands a heading, and that the page breaks no rule; each page is judged once, under its name. */
  async sees(heading, name) {
    await this.page.getByRole('heading', { name: heading, level: 1 }).waitFor();
    if (!name || Person.judged.has(name)) return;
    Person.judged.add(name);
    const { LANYARD_SCREENSHOTS: folder } = process.env;
    if (folder) await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
    assert.deepEqual(await faults(this.page), [], `${name}: ${this.page.url()}`);
  }

  async presses(name) {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  async follows(name) {
    await this.page.getByRole('link', { name }).click();
  }

  async chooses(label) {
    await this.page.getByLabel(label, { exact: true }).check();
    await this.presses('Continue');
  }

  async types(label, text) {
    await this.page.getByLabel(label, { exact: true }).fill(text);
  }

  /** Plugs a key in, or gives this device one; what is left out is as a good one has it. */
  async plugsIn(options = {}) {
    this.cdp ??= await this.page.context().newCDPSession(this.page);
    await this.cdp.send('WebAuthn.enable', { enableUI: false });
    const good = {
      protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'usb', hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    };
    const { authenticatorId } = await this.cdp.send('WebAuthn.addVirtualAuthenticator', { options: { ...good, ...options } });
    return authenticatorId;
  }

  /** Opens a link, up to the choice of what to add. */
  async opens(person, purpose) {
    await this.page.goto(await link(person, purpose));
    await this.sees('Add a way to sign in', purpose === 'recovery' ? 'enrol-recovery' : 'enrol-start');
    await this.presses('Begin');
    await this.sees('What do you want to add?', 'enrol-choose');
  }

  /** Adds what is plugged in. */
  async addsKey(person, name = 'blue key') {
    await this.opens(person);
    await this.follows('A security key');
    await this.sees('Add a security key', 'enrol-key');
    await this.types('What do you call it?', name);
    await this.presses('Continue');
    await this.sees('It is added', 'enrol-done');
  }

  async addsDevice(person, name = 'ward laptop') {
    await this.opens(person);
    await this.follows('This device, such as Windows Hello, or a passkey');
    await this.sees('Add this device or a passkey', 'enrol-device');
    await this.types('What do you call it?', name);
    await this.presses('Continue');
    await this.sees('It is added');
  }

  /** Adds an authenticator app and gives it. */
  async addsApp(person, { email, password }) {
    await this.opens(person);
    await this.follows('An authenticator app');
    await this.sees('Add an authenticator app', 'enrol-app');
    const app = new App(await this.page.locator('.lanyard-seed').innerText());
    await this.types('E-mail address', email);
    await this.types('A new password', 'short');
    await this.types('Code', app.code());
    await this.presses('Add the app');
    await this.sees('Add an authenticator app', 'enrol-app-error');
    app.next -= 1;
    await this.types('A new password', password);
    await this.types('Code', app.code());
    await this.presses('Add the app');
    await this.sees('Show that the address is yours', 'enrol-address');
    await this.types('Code from the e-mail', await codeSentTo(email));
    await this.presses('Add the app');
    await this.sees('It is added');
    return app;
  }

  /** Gives what the app knows, on the page for it. */
  async givesApp({ email, password }, code) {
    await this.types('E-mail address', email);
    await this.types('Password', password);
    await this.types('Code', code);
    await this.presses('Sign in');
  }

  /** Waits until the browser is back at the relying party, and gives the address with which it came. */
  async returns(site) {
    await this.page.waitForURL((url) => url.origin === site.origin && url.pathname === '/callback');
    return new URL(this.page.url());
  }
}
