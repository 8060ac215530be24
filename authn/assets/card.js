// Has the agent of this workstation sign with the smartcard, for a page with a form whose data say where everybody is.
'use strict';
(() => {
  const form = document.getElementById('card');
  const button = document.getElementById('go');
  const trouble = document.getElementById('trouble');

  const OVER = {
    title: 'This page is over',
    detail: 'It was open too long, or what it was for is done. Go back to where you came from and begin again.',
  };
  const NO_AGENT = {
    title: 'We could not speak to your card reader',
    detail: 'The Lanyard agent does not answer on this computer. Start it, or ask your service desk to install it. You can also choose another way to sign in.',
  };
  const NO_CARD = {
    title: 'Your smartcard did not answer',
    detail: 'Put your smartcard into the reader, try again, and enter its passcode when you are asked for it.',
  };

  function tell(title, sentence) {
    document.getElementById('trouble-title').textContent = title;
    document.getElementById('trouble-sentence').textContent = sentence;
    trouble.hidden = false;
    trouble.focus();
  }

  const told = (said) => Object.assign(new Error(said.detail), { told: said });

  async function post(address, body, credentials, unreadable) {
    const answer = await fetch(address, {
      method: 'POST',
      credentials,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const said = await answer.json().catch(() => unreadable);
    if (!answer.ok || said === unreadable) throw told(said && said.detail ? said : unreadable);
    return said;
  }

  const server = (address, body) => post(address, body, 'same-origin', OVER);
  const agent = (path, body, silent) =>
    post(form.dataset.agent + path, body, 'omit', NO_CARD).catch((error) => {
      throw error.told ? error : told(silent);
    });

  async function go() {
    trouble.hidden = true;
    button.disabled = true;
    try {
      const challenge = await server(form.dataset.challenge, {});
      const answer = await agent('/sign-in', challenge, NO_AGENT);
      const done = await server(form.dataset.answer, answer);
      // Whoever is signed in is signed in, even if the agent cannot be told how to say that the card was taken out.
      await agent('/watch', done.watch, NO_AGENT).catch(() => null);
      window.location.assign(done.location);
    } catch (error) {
      const { title, detail } = error.told || NO_AGENT;
      tell(title, detail);
    } finally {
      button.disabled = false;
    }
  }

  button.hidden = false;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    go();
  });
})();
