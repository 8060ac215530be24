// The page of sign-in in a real browser, with its own script and the agent of this test; its server is played by the browser's own network.
// It prints what the card answered, and what the agent said about watching it.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const [port, origin, challenge, watch] = process.argv.slice(2);

const FORM = `<!doctype html><title>Sign in</title>
<div id="trouble" tabindex="-1" hidden><h2 id="trouble-title"></h2><p id="trouble-sentence"></p></div>
<form id="card" data-challenge="/challenge" data-answer="/answer" data-agent="http://127.0.0.1:${port}">
<button id="go" hidden>Sign in</button></form><script type="module" src="/card.js"></script>`;

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--disable-gpu', '--no-first-run'] });
try {
  const context = await browser.newContext();
  // What a browser asks its user before a page of the internet may reach the machine's own ports.
  await context.grantPermissions(['local-network-access'], { origin });
  const page = await context.newPage();
  page.on('console', (message) => console.error(message.text()));
  page.on('pageerror', (error) => console.error(error));
  page.on('requestfailed', (request) => console.error(request.url(), request.failure()));
  let answer = null;
  await page.route(`${origin}/**`, (route) => {
    const json = (body) => route.fulfill({ contentType: 'application/json', body });
    const { pathname } = new URL(route.request().url());
    switch (pathname) {
      case '/challenge':
        return json(challenge);
      case '/answer':
        answer = route.request().postDataJSON();
        return json(JSON.stringify({ location: '/done', watch: JSON.parse(watch) }));
      case '/card.js':
      case '/page.js':
        return route.fulfill({ contentType: 'text/javascript', body: readFileSync(pathname.slice(1), 'utf8') });
      case '/done':
        return route.fulfill({ contentType: 'text/html', body: '<title>Done</title>' });
      default:
        return route.fulfill({ contentType: 'text/html', body: FORM });
    }
  });
  await page.goto(`${origin}/`);
  const watched = page.waitForResponse((response) => response.url().endsWith('/watch') && response.request().method() === 'POST');
  // What keeps the page from it is told below.
  watched.catch(() => null);
  await page.click('#go');
  await page.waitForURL(`${origin}/done`).catch(async (error) => {
    throw new Error(`${await page.textContent('#trouble')}: ${error}`);
  });
  console.log(JSON.stringify({ answer, watched: (await watched).status() }));
} finally {
  await browser.close();
}
