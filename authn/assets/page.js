// What the scripts of the pages have in common: a page with a form and a button, a place where it tells what went wrong, and a server that is
// asked and answers in JSON.

/** What is over is told in a page, as to every other request. */
export const OVER = {
  title: 'This page is over',
  detail: 'It was open too long, or what it was for is done. Go back to where you came from and begin again.',
};

/** An error that says to people what happened and what to do. */
export const told = (said) => Object.assign(new Error(said.detail), { told: said });

/** Shows it, and brings whoever reads the page aloud there. */
export function tell({ title, detail }) {
  const trouble = document.getElementById('trouble');
  document.getElementById('trouble-title').textContent = title;
  document.getElementById('trouble-sentence').textContent = detail;
  trouble.hidden = false;
  trouble.focus();
}

/** Posts and reads the answer, both as JSON. A refusal says itself what it is, and what cannot be read is `unreadable`. */
export async function post(address, body, { credentials = 'same-origin', unreadable = OVER } = {}) {
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

/** Shows a button, and does this whenever its form is sent, once at a time; `words` has what an error that says nothing to people means. */
export function offer(form, button, act, words) {
  button.hidden = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    document.getElementById('trouble').hidden = true;
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      tell(error.told || words(error));
    } finally {
      button.disabled = false;
    }
  });
}
