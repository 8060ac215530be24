// The server's own page for signing with a card in a real browser: its scripts as they are served, around them a server that only asks and takes
// what comes. It prints what the page brought, or what it told.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [port, origin, request, assets] = process.argv.slice(2);

/** As the page has it that the server makes. */
const PAGE = `<!doctype html><html lang="en"><title>Sign</title>
<div id="trouble" role="alert" tabindex="-1" hidden><h2 id="trouble-title"></h2><p id="trouble-sentence"></p></div>
<form id="card" data-options="/options" data-answer="/answer"><button type="submit" id="go-card" hidden>Sign with your smartcard</button></form>
<script type="module" src="/authn/assets/card-signing.js"></script></html>`;
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self' http://localhost:*";

let brought;
async function served(route) {
  const { pathname } = new URL(route.request().url());
  const json = (value) => route.fulfill({ contentType: 'application/json', body: JSON.stringify(value) });
  if (pathname === '/') return route.fulfill({ contentType: 'text/html', headers: { 'content-security-policy': POLICY }, body: PAGE });
  if (pathname === '/options') return json(JSON.parse(request));
  if (pathname === '/answer') {
    brought = route.request().postDataJSON();
    return json({ location: `${origin}/done` });
  }
  if (pathname === '/done') return route.fulfill({ contentType: 'text/html', body: '<title>Done</title>' });
  const name = pathname.match(/^\/authn\/assets\/([a-z-]+\.js)$/)?.[1];
  return name ? route.fulfill({ contentType: 'text/javascript', body: readFileSync(join(assets, name)) }) : route.fulfill({ status: 404 });
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--disable-gpu', '--no-first-run'] });
try {
  const context = await browser.newContext();
  // What a browser asks its user before a page of the internet may reach the machine's own ports.
  await context.grantPermissions(['local-network-access'], { origin });
  const page = await context.newPage();
  await page.route(`${origin}/**`, served);
  // Of the ports at which pages look, the agent of a test has none: it is found at its own.
  await page.route(/^http:\/\/localhost:(43487|44213|45031|46478|48853)\/PRS\//, (route) =>
    route.continue({ url: route.request().url().replace(/:\d+/, `:${port}`) }));
  await page.goto(`${origin}/`);
  await page.getByRole('button', { name: 'Sign with your smartcard' }).click();
  const told = page.locator('#trouble-sentence').filter({ hasText: /./ }).innerText();
  await Promise.race([page.waitForURL(`${origin}/done`), told.then((refused) => (brought = { refused }))]);
  console.log(JSON.stringify(brought));
} finally {
  await browser.close();
}
