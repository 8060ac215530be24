// Renews the smartcard in the reader of this workstation: the server gives a ticket, the agent goes on with it, and the page says how far that
// has come.
import { offer, post, told } from './page.js';

const NO_SERVER = {
  title: 'This did not work',
  detail: 'The server did not answer as it should. Open this page again in a minute, or ask your registration authority to renew your card.',
};
const NO_AGENT = {
  title: 'We could not speak to your card reader',
  detail: 'The Lanyard agent does not answer on this computer. Start it, or ask your service desk to install it, and try again: the renewal goes on where it stopped.',
};
// How often it is asked how far the renewal has come, in milliseconds.
const EVERY = 2000;

const byId = (id) => document.getElementById(id);
const form = byId('renew');
const progress = byId('progress');

const ask = (address, body, options, silent) =>
  post(address, body, { ...options, unreadable: silent }).catch((error) => {
    throw error.told ? error : told(silent);
  });

/** Says how far the renewal has come until what it gives is called. What cannot be asked now is asked again: the session may end with the card's
 * old certificates. */
function follow() {
  let over = false;
  const timer = setInterval(async () => {
    const answer = await fetch(form.dataset.progress).catch(() => null);
    const said = answer && answer.ok ? await answer.json().catch(() => null) : null;
    if (!over && said && said.sentence && said.sentence !== progress.textContent) progress.textContent = said.sentence;
  }, EVERY);
  return () => {
    over = true;
    clearInterval(timer);
    progress.textContent = '';
  };
}

offer(form, byId('go'), async () => {
  const ticket = await ask(form.dataset.ticket, {}, {}, NO_SERVER);
  const stop = follow();
  let end;
  try {
    end = await ask(`${form.dataset.agent}/relay`, ticket, { credentials: 'omit' }, NO_AGENT);
  } finally {
    stop();
  }
  if (!end.done) throw told({ title: 'The card is not renewed', detail: end.words });
  byId('before').hidden = true;
  byId('done').textContent = `The card is renewed. ${end.words}`;
  byId('done').hidden = false;
  byId('done').focus();
}, () => NO_SERVER);
