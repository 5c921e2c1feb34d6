// Numbers, times and names for people, in the language of the texts and the time zone of the browser.

import { language, t } from './texts/index.js';

export const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

const integer = new Intl.NumberFormat(language);
const percentage = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 });
const dateTime = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
const dates = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
const clock = new Intl.DateTimeFormat(language, { timeStyle: 'short' });
const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' });

export const count = (value) => (value === null || value === undefined ? '–' : integer.format(value));
export const share = (part, whole) => (whole > 0 ? percentage.format(part / whole) : '–');
export const instant = (value) => (value ? dateTime.format(new Date(value)) : '–');
export const date = (value) => (value ? dates.format(new Date(value)) : '–');
export const day = (value) => (value ? dates.format(new Date(`${value}T12:00:00`)) : '–');

/** Time of a message: the clock for today, otherwise the date as well. */
export function moment(value) {
  const then = new Date(value);
  return then.toDateString() === new Date().toDateString() ? clock.format(then) : dateTime.format(then);
}

/** Distance from now, such as "2 hr. ago". */
export function ago(value) {
  const seconds = (Date.parse(value) - Date.now()) / 1000;
  const steps = [['day', 86_400], ['hour', 3600], ['minute', 60]];
  const step = steps.find(([, size]) => Math.abs(seconds) >= size);
  if (!step) return t.format.now;
  if (step[0] === 'day' && seconds < -6 * 86_400) return dates.format(new Date(value));
  return relative.format(Math.round(seconds / step[1]), step[0]);
}

/** Date of a day in the viewer's time zone as `YYYY-MM-DD`. */
export function isoDay(value) {
  const pad = (part) => String(part).padStart(2, '0');
  return `${value.getFullYear()}-${pad(value.getMonth() + 1)}-${pad(value.getDate())}`;
}

/** Start of an id that tells objects apart where no name is known. */
export const shortId = (id) => (id ? `…${id.slice(-8)}` : '–');
