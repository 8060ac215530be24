// Has the agent of this workstation sign with the smartcard, for a page with a form whose data say where everybody is.
import { offer, post, told } from './page.js';

const NO_AGENT = {
  title: 'We could not speak to your card reader',
  detail: 'The Lanyard agent does not answer on this computer. Start it, or ask your service desk to install it. You can also choose another way to sign in.',
};
const NO_CARD = {
  title: 'Your smartcard did not answer',
  detail: 'Put your smartcard into the reader, try again, and enter its passcode when you are asked for it.',
};

const form = document.getElementById('card');

const agent = (path, body) =>
  post(form.dataset.agent + path, body, { credentials: 'omit', unreadable: NO_CARD }).catch((error) => {
    throw error.told ? error : told(NO_AGENT);
  });

offer(form, document.getElementById('go'), async () => {
  const challenge = await post(form.dataset.challenge, {});
  const answer = await agent('/sign-in', challenge);
  const done = await post(form.dataset.answer, answer);
  // Whoever is signed in is signed in, even if the agent cannot be told how to say that the card was taken out.
  await agent('/watch', done.watch).catch(() => null);
  window.location.assign(done.location);
}, () => NO_AGENT);
