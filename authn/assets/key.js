// Speaks to a security key, this device or a passkey, for a page with a form whose data say what to ask and where to answer.
'use strict';
(() => {
  const form = document.getElementById('key');
  const button = document.getElementById('go');
  const trouble = document.getElementById('trouble');

  const OVER = {
    title: 'This page is over',
    detail: 'It was open too long, or what it was for is done. Go back to where you came from and begin again.',
  };

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

  function tell(title, sentence) {
    document.getElementById('trouble-title').textContent = title;
    document.getElementById('trouble-sentence').textContent = sentence;
    trouble.hidden = false;
    trouble.focus();
  }

  async function post(address, body) {
    const answer = await fetch(address, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    // What is over is told in a page, as to every other request.
    const said = await answer.json().catch(() => OVER);
    if (!answer.ok || said === OVER) throw Object.assign(new Error(said.detail), { told: said });
    return said;
  }

  async function get(options) {
    const asked = options.publicKey;
    asked.challenge = bytes(asked.challenge);
    for (const allowed of asked.allowCredentials || []) allowed.id = bytes(allowed.id);
    const made = await navigator.credentials.get({ publicKey: asked });
    const { authenticatorData, clientDataJSON, signature, userHandle } = made.response;
    return {
      id: made.id,
      rawId: text(made.rawId),
      type: made.type,
      extensions: made.getClientExtensionResults(),
      response: {
        authenticatorData: text(authenticatorData),
        clientDataJSON: text(clientDataJSON),
        signature: text(signature),
        userHandle: userHandle ? text(userHandle) : null,
      },
    };
  }

  async function create(options) {
    const asked = options.publicKey;
    asked.challenge = bytes(asked.challenge);
    asked.user.id = bytes(asked.user.id);
    for (const known of asked.excludeCredentials || []) known.id = bytes(known.id);
    const made = await navigator.credentials.create({ publicKey: asked });
    return {
      id: made.id,
      rawId: text(made.rawId),
      type: made.type,
      extensions: made.getClientExtensionResults(),
      response: {
        attestationObject: text(made.response.attestationObject),
        clientDataJSON: text(made.response.clientDataJSON),
        transports: made.response.getTransports ? made.response.getTransports() : [],
      },
    };
  }

  async function go() {
    trouble.hidden = true;
    button.disabled = true;
    try {
      const { ceremony, options, answer, kind } = form.dataset;
      const asked = await post(options, kind ? { kind } : {});
      const credential = ceremony === 'get' ? await get(asked) : await create(asked);
      const name = form.elements.namedItem('name');
      const said = await post(answer, name ? { name: name.value, credential } : { credential });
      window.location.assign(said.location);
    } catch (error) {
      if (error.told) {
        tell(error.told.title, error.told.detail);
      } else if (error.name === 'NotAllowedError') {
        tell('Nothing was confirmed', 'You cancelled it, it took too long, or there was no key for this site. Try again, or choose another way.');
      } else if (error.name === 'InvalidStateError') {
        tell('This key is registered already', 'Use another key.');
      } else {
        tell('That did not work', 'Your browser could not speak to the key. Try again, or choose another way.');
      }
    } finally {
      button.disabled = false;
    }
  }

  if (!window.PublicKeyCredential) {
    tell('This browser cannot use keys', 'Use a newer browser, or choose another way.');
    return;
  }
  button.hidden = false;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    go();
  });
})();
