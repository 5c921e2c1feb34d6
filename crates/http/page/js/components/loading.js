// Place of data that are still being read.

import { html } from '../html.js';
import { t } from '../texts/index.js';

export const Loading = () => html`<p class="empty" aria-busy="true">${t.lists.loading}</p>`;
