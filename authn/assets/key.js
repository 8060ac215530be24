// Speaks to a security key, this device or a passkey, for a page with a form whose data say what to ask and where to answer.
import { offer, post, tell } from './page.js';

const form = document.getElementById('key');

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

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

const words = ({ name }) => {
  if (name === 'NotAllowedError') {
    const detail = 'You cancelled it, it took too long, or there was no key for this site. Try again, or choose another way.';
    return { title: 'Nothing was confirmed', detail };
  }
  if (name === 'InvalidStateError') return { title: 'This key is registered already', detail: 'Use another key.' };
  return { title: 'That did not work', detail: 'Your browser could not speak to the key. Try again, or choose another way.' };
};

async function go() {
  const { ceremony, options, answer, kind } = form.dataset;
  const asked = await post(options, kind ? { kind } : {});
  // It was decided before, and what said so was lost.
  if (asked.location) return window.location.assign(asked.location);
  const credential = ceremony === 'get' ? await get(asked) : await create(asked);
  const name = form.elements.namedItem('name');
  const said = await post(answer, name ? { name: name.value, credential } : { credential });
  return window.location.assign(said.location);
}

if (window.PublicKeyCredential) {
  offer(form, document.getElementById('go'), go, words);
} else {
  tell({ title: 'This browser cannot use keys', detail: 'Use a newer browser, or choose another way.' });
}
