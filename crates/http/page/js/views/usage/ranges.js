// Ranges of days in the viewer's time zone. `to` is the last day that is included.

import { isoDay } from '../../format.js';

const shifted = (days) => {
  const date = new Date();
  date.setDate(date.getDate() + days);
  return isoDay(date);
};
const month = (offset, end) => {
  const now = new Date();
  return isoDay(new Date(now.getFullYear(), now.getMonth() + offset + (end ? 1 : 0), end ? 0 : 1));
};

export const RANGES = {
  __proto__: null,
  today: () => ({ from: shifted(0), to: shifted(0) }),
  week: () => ({ from: shifted(-6), to: shifted(0) }),
  days30: () => ({ from: shifted(-29), to: shifted(0) }),
  month: () => ({ from: month(0), to: shifted(0) }),
  lastMonth: () => ({ from: month(-1), to: month(-1, true) }),
  year: () => ({ from: shifted(-364), to: shifted(0) }),
};

/** Returns the day after `day`, which is how the API names the end of a range. */
export function after(day) {
  const date = new Date(`${day}T12:00:00`);
  date.setDate(date.getDate() + 1);
  return isoDay(date);
}

const DAY_MS = 86_400_000;

/** Number of days that a report can tell apart. */
export const MAX_DAYS = 400;

/** True for a day of the calendar as `YYYY-MM-DD`. */
export const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T12:00:00Z`).toJSON()?.slice(0, 10) === text;

/** True for a range of more days than a report can tell apart. */
export const isTooLong = ({ from, to }) => (Date.parse(to) - Date.parse(from)) / DAY_MS >= MAX_DAYS;

/** Returns the range that the address names, or the default one if it names none that exists. */
export function rangeOf(query) {
  const name = query.get('range') ?? 'days30';
  const [from, to] = [query.get('from'), query.get('to')];
  if (name === 'custom' && isDay(from) && isDay(to) && from <= to) return { name, from, to };
  return RANGES[name] ? { name, ...RANGES[name]() } : { name: 'days30', ...RANGES.days30() };
}

/** Returns all days of a range, so that days without requests have a place in the chart. */
export function daysOf({ from, to }) {
  const days = [];
  for (let day = from; day <= to && days.length < MAX_DAYS; day = after(day)) days.push(day);
  return days;
}
