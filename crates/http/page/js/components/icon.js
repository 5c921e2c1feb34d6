// Icons, as paths in a 20 x 20 box.

import { html } from '../html.js';

const PATHS = {
  plus: 'M10 4v12M4 10h12',
  menu: 'M3 6h14M3 10h14M3 14h14',
  close: 'M5 5l10 10M15 5L5 15',
  send: 'M10 16V4M4.5 9.5L10 4l5.5 5.5',
  stop: 'M6 6h8v8H6z',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  down: 'M10 4v12M4.5 10.5L10 16l5.5-5.5',
  chart: 'M4 16V9M10 16V4M16 16v-5',
  person: 'M10 10a3 3 0 100-6 3 3 0 000 6zM4 16.5c.8-2.8 3.2-4 6-4s5.200 1.200 6 4',
  shield: 'M10 3l6 2v5c0 3.500-2.500 6-6 7-3.500-1-6-3.500-6-7V5z',
  clip: 'M16.5 9.3L10 15.800a4.200 4.200 0 01-5.900-5.900l6.400-6.400a2.800 2.800 0 014 4l-6.300 6.300a1.400 1.400 0 01-2-2l5.700-5.700',
  fork: 'M6 4v12M6 10c6 0 8-1 8-6M14 4l-2.500 2.500M14 4l2.500 2.500',
};

export const Icon = ({ name }) => html`<svg class=${`icon icon-${name}`} viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
