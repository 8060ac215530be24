// Has the agent of this workstation sign with the smartcard, in the way of the national library: the port service says where the hub is, and the
// hub is spoken to by long polling, as far as one call needs it.
import { offer, post, told } from './page.js';

const PORTS = [43487, 44213, 45031, 46478, 48853];
const NO_AGENT = {
  title: 'We could not speak to your card reader',
  detail: 'The Lanyard agent does not answer on this computer, or does not know this page. Start it, or ask your service desk.',
};

const form = document.getElementById('card');

async function ask(address, more) {
  const answer = await fetch(address, { credentials: 'omit', ...more });
  if (!answer.ok) throw told(NO_AGENT);
  return answer.json();
}

async function hub() {
  const asked = PORTS.map(async (port) => {
    const found = await ask(`http://localhost:${port}/PRS/GetPortNumber`);
    return found.portData.portNumber;
  });
  const port = await Promise.any(asked).catch(() => {
    throw told(NO_AGENT);
  });
  return `http://localhost:${port}/signalr`;
}

async function sign(request) {
  const base = await hub();
  const data = encodeURIComponent(JSON.stringify([{ name: 'signinghub' }]));
  const { ConnectionToken } = await ask(`${base}/negotiate?clientProtocol=1.5&connectionData=${data}`);
  const token = encodeURIComponent(ConnectionToken);
  const query = `transport=longPolling&clientProtocol=1.5&connectionToken=${token}&connectionData=${data}`;
  await ask(`${base}/connect?${query}`);
  await ask(`${base}/start?${query}`);
  const argument = btoa(Array.from(new TextEncoder().encode(JSON.stringify(request)), (octet) => String.fromCharCode(octet)).join(''));
  const call = JSON.stringify({ H: 'signinghub', M: 'requestToSign', A: [argument], I: 0 });
  try {
    const said = await ask(`${base}/send?${query}`, { method: 'POST', body: new URLSearchParams({ data: call }) });
    if (!said.R || said.R.status_code !== 0) {
      const detail = (said.R && said.R.message) || said.E || NO_AGENT.detail;
      throw told({ title: 'Your smartcard did not sign', detail });
    }
    return said.R;
  } finally {
    await fetch(`${base}/abort?${query}`, { method: 'POST', credentials: 'omit' }).catch(() => null);
  }
}

offer(form, document.getElementById('go-card'), async () => {
  const request = await post(form.dataset.options, {});
  // It was decided before, and what said so was lost.
  if (request.location) return window.location.assign(request.location);
  const done = await post(form.dataset.answer, await sign(request));
  return window.location.assign(done.location);
}, () => NO_AGENT);
