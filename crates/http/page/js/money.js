// Money as decimal text, without floating point.

const SCALE = 15;

/** Returns the amount in units of 10^-15 dollars. */
export function units(text) {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text ?? '');
  if (!match) return 0n;
  const value = BigInt(match[2]) * 10n ** BigInt(SCALE) + BigInt((match[3] ?? '').slice(0, SCALE).padEnd(SCALE, '0'));
  return match[1] ? -value : value;
}

/** Returns the decimal text of an amount in units. */
export function text(value) {
  const sign = value < 0n ? '-' : '';
  const digits = (value < 0n ? -value : value).toString().padStart(SCALE + 1, '0');
  const fraction = digits.slice(-SCALE).replace(/0+$/, '');
  return `${sign}${digits.slice(0, -SCALE)}${fraction ? `.${fraction}` : ''}`;
}

/** Returns an amount for people: two digits after the point, or as many as show the first two that are not zero. */
export function dollars(amount) {
  if (amount === null || amount === undefined) return '–';
  const value = units(amount);
  if (value === 0n) return '$0.00';
  const sign = value < 0n ? '−' : '';
  const [whole, fraction = ''] = text(value < 0n ? -value : value).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  const first = fraction.search(/[1-9]/);
  const digits = whole !== '0' || first < 0 ? 2 : Math.max(2, first + 2);
  const unit = 10n ** BigInt(SCALE - digits);
  const size = value < 0n ? -value : value;
  const rounded = text(((size + unit / 2n) / unit) * unit).split('.');
  const shown = (rounded[1] ?? '').padEnd(digits, '0').slice(0, digits);
  return whole === rounded[0] ? `${sign}$${grouped}.${shown}` : `${sign}$${rounded[0].replace(/\B(?=(\d{3})+$)/g, ',')}.${shown}`;
}

/** Returns the price of a million tokens for people: exact, with at least two digits after the point. */
export function perMillion(price) {
  if (price === null) return '–';
  const [whole, fraction = ''] = text(units(price) * 1_000_000n).split('.');
  return `$${whole}.${fraction.padEnd(2, '0')}`;
}

/** Returns the amount as a number for a chart, where rounding does no harm. */
export const number = (amount) => Number(amount ?? 0);
