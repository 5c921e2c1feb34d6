// Entry point of the page.

import { html, render } from './html.js';
import { applyTheme } from './theme.js';
import { App } from './app.js';

applyTheme();
render(html`<${App} />`, document.getElementById('app'));
