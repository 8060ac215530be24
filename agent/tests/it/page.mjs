// A page of a prescribing system in a real browser, with Microsoft's client of SignalR 2, as the national library uses it.
// It prints what the hub answered, or that the browser kept the page from asking.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const [port, origin, token] = process.argv.slice(2);

/** The client and what it needs, in one script: it comes as modules of Node.js, which a page does not have. */
function bundled(entry) {
  const modules = {};
  const visit = (file) => {
    if (modules[file]) return;
    const source = readFileSync(file, 'utf8');
    const needs = {};
    modules[file] = { source, needs };
    for (const [, name] of source.matchAll(/require\(['"]([^'"]+)['"]\)/g)) {
      needs[name] = createRequire(file).resolve(name);
      visit(needs[name]);
    }
  };
  visit(entry);
  const parts = Object.entries(modules).map(
    ([file, { source, needs }]) =>
      `${JSON.stringify(file)}: [function (require, module, exports) {${source}\n}, ${JSON.stringify(needs)}]`,
  );
  return `window.signalR = (() => {
    const modules = {${parts.join(',\n')}}, made = {};
    const load = (file) => {
      if (made[file]) return made[file].exports;
      const module = made[file] = { exports: {} }, [run, needs] = modules[file];
      run.call(module.exports, (name) => load(needs[name]), module, module.exports);
      return module.exports;
    };
    return load(${JSON.stringify(entry)});
  })();`;
}

/** What the national library does, in the page. */
async function sign({ port, token }) {
  const found = await fetch(`http://localhost:${port}/PRS/GetPortNumber`, { credentials: 'include', cache: 'no-cache' });
  const { portData } = await found.json();
  const connection = window.signalR.hubConnection(`http://localhost:${portData.portNumber}`);
  const hub = connection.createHubProxy('signingHub');
  await new Promise((started, failed) => {
    connection.start({ transport: 'longPolling', contentType: 'application/jwt' }, started).fail(failed);
  });
  const payloads = [{ id: 'e7d65dfa-9547-46ef-8cdc-3a665af27f5d', payload: token }];
  const request = { algorithm: 'RS1', requestType: 1, version: 1, flags: 0, payloads };
  const answer = await new Promise((good, bad) => {
    hub.invoke('requestToSign', btoa(JSON.stringify(request))).done(good).fail(bad);
  });
  connection.stop();
  return answer;
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--disable-gpu', '--no-first-run'] });
try {
  const context = await browser.newContext();
  // What a browser asks its user before a page of the internet may reach the machine's own ports.
  await context.grantPermissions(['local-network-access'], { origin });
  const page = await context.newPage();
  await page.route(`${origin}/**`, (route) => route.fulfill({ contentType: 'text/html', body: '<title>Prescribing</title>' }));
  await page.goto(`${origin}/`);
  await page.addScriptTag({ content: bundled(createRequire(import.meta.url).resolve('signalr-no-jquery')) });
  const answer = await page.evaluate(sign, { port, token }).catch((error) => ({ refused: String(error) }));
  console.log(JSON.stringify(answer));
} finally {
  await browser.close();
}
