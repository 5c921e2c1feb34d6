// Modal dialogs: a title, content, and actions.

import { html, useLayoutEffect, useRef } from '../html.js';
import { t } from '../texts/index.js';
import { useAction } from './action.js';
import { Problem } from './problem.js';

/** Modal dialog. Escape and the close button call `onClose`. */
export function Dialog({ title, onClose, children, className = '' }) {
  const element = useRef(null);
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog.showModal();
    // A modal dialog keeps the focus until it is closed. Closing it returns the focus to where it was.
    return () => dialog.close();
  }, []);
  const close = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${element} class=${`dialog ${className}`} aria-label=${title} onCancel=${close}>
    <h2>${title}</h2>${children}
  </dialog>`;
}

/** Dialog with a form: `onSubmit` may return a promise, whose error is shown. */
export function FormDialog({ title, action, danger, onClose, onSubmit, children, className }) {
  const { busy, error, run } = useAction();
  const submit = (event) => {
    event.preventDefault();
    // A dialog may be an element of something that has a form of its own.
    event.stopPropagation();
    const form = new FormData(event.target);
    run(async () => onSubmit(form));
  };
  return html`<${Dialog} title=${title} onClose=${onClose} className=${className}>
    <form class="form" onSubmit=${submit}>
      ${children}
      <${Problem} error=${error} />
      <div class="actions">
        <button type="button" class="quiet" onClick=${onClose}>${t.actions.cancel}</button>
        <button type="submit" class=${danger ? 'primary danger' : 'primary'} disabled=${busy}>${action}</button>
      </div>
    </form>
  <//>`;
}

/** Question before something that cannot be undone. */
export const Confirm = ({ title, text, action, onClose, onConfirm }) => html`
  <${FormDialog} title=${title} action=${action} danger onClose=${onClose} onSubmit=${async () => {
    await onConfirm();
    onClose();
  }}><p>${text}</p><//>`;
