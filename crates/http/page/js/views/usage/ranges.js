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

/** Returns all days of a range, so that days without requests have a place in the chart. */
export function daysOf({ from, to }) {
  const days = [];
  for (let day = from; day <= to && days.length < 400; day = after(day)) days.push(day);
  return days;
}
