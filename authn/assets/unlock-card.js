// Unlocks the smartcard in the reader of this workstation: a code says who holds it, and the agent has them choose a new passcode.
'use strict';
(() => {
  const byId = (id) => document.getElementById(id);
  const ask = byId('ask');
  const give = byId('give');
  const trouble = byId('trouble');
  // What the server gave for the code that is awaited.
  let asked = null;

  const NO_SERVER = {
    title: 'This did not work',
    detail: 'The server did not answer as it should. Try again in a minute, or ask your registration authority to unlock your card.',
  };
  const NO_AGENT = {
    title: 'We could not speak to your card reader',
    detail: 'The Lanyard agent does not answer on this computer. Start it, or ask your service desk to install it.',
  };

  function tell({ title, detail }) {
    byId('trouble-title').textContent = title;
    byId('trouble-sentence').textContent = detail;
    trouble.hidden = false;
    trouble.focus();
  }

  const told = (said) => Object.assign(new Error(said.detail), { told: said });

  async function post(address, body, credentials, silent) {
    let answer;
    try {
      answer = await fetch(address, {
        method: 'POST',
        credentials,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    } catch {
      throw told(silent);
    }
    const said = await answer.json().catch(() => null);
    if (!answer.ok || !said) {
      throw told(said && said.detail ? { title: 'This did not work', detail: said.detail } : silent);
    }
    return said;
  }

  const server = (address, body) => post(address, body, 'same-origin', NO_SERVER);
  const agent = (path, body) => post(ask.dataset.agent + path, body, 'omit', NO_AGENT);

  async function begin() {
    const serial = byId('serial').value.trim();
    const channel = ask.elements.channel.value;
    if (channel === 'colleague') {
      asked = await server('/ca/card-unlocks/by-colleague', { serial });
      byId('said').textContent =
        `Read this code out to a colleague who may unlock cards: ${asked.code}. Go on once they have approved it.`;
    } else {
      asked = await server('/ca/card-unlocks', { serial, channel, address: byId('address').value });
      byId('said').textContent =
        'If the serial number and the address are right, a code is on its way. It can take a minute.';
    }
    byId('heard').hidden = channel === 'colleague';
    ask.hidden = true;
    give.hidden = false;
  }

  async function go() {
    const code = asked.code || byId('code').value.trim();
    const ticket = await server(`/ca/card-unlocks/${encodeURIComponent(asked.id)}/tickets`, { code });
    const over = await agent('/relay', ticket);
    if (!over.done) throw told({ title: 'The card is not unlocked', detail: over.words });
    give.hidden = true;
    byId('done').textContent = over.words;
    byId('done').hidden = false;
    byId('done').focus();
  }

  function on(form, act) {
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const button = form.querySelector('button');
      trouble.hidden = true;
      button.disabled = true;
      try {
        await act();
      } catch (error) {
        tell(error.told || NO_SERVER);
      } finally {
        button.disabled = false;
      }
    });
  }

  ask.addEventListener('change', () => {
    byId('where').hidden = ask.elements.channel.value === 'colleague';
  });
  on(ask, begin);
  on(give, go);
  ask.hidden = false;
})();
