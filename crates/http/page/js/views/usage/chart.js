// Chart of the cost per day. A table with the same numbers follows it for those who do not see it.

import { html, useLayoutEffect, useRef } from '../../html.js';
import { day as dayText } from '../../format.js';
import { number } from '../../money.js';
import { language, t } from '../../texts/index.js';
import uPlot from '../../../vendor/uplot.mjs';

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short' });

/** Decimal places of the smallest cost. */
const PLACES = 12;

/** Texts of the cost axis, with the decimal places of its steps. */
function dollars(values, step) {
  const decimals = step.toFixed(PLACES).replace(/0+$/, '').split('.')[1].length;
  const places = decimals === 1 ? 2 : decimals;
  const format = new Intl.NumberFormat(language, { minimumFractionDigits: places, maximumFractionDigits: places });
  return values.map((value) => `$${format.format(value)}`);
}

function options(width, days) {
  const font = `12px ${color('--sans')}`;
  const axis = { stroke: color('--muted'), font, grid: { stroke: color('--line'), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: 240,
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    legend: { show: false },
    scales: { x: { time: false, range: [-0.6, days.length - 0.4] }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.12 : 1] } },
    axes: [
      { ...axis, size: 32, grid: { show: false }, space: 64, incrs: [1, 2, 5, 7, 14, 28, 56, 91], values: (_, ticks) => ticks.map((tick) => (days[tick] && Number.isInteger(tick) ? short.format(new Date(`${days[tick]}T12:00:00`)) : '')) },
      { ...axis, size: 68, values: (_, ticks, axis, space, step) => dollars(ticks, step) },
    ],
    series: [{}, { fill: color('--accent'), stroke: color('--accent'), width: 0, paths: uPlot.paths.bars({ size: [0.72, 36], radius: 0.2 }), points: { show: false } }],
  };
}

export function CostChart({ days, costs }) {
  const root = useRef(null);
  const readout = useRef(null);
  // The chart is drawn with the rendering, so that what follows it does not move later.
  useLayoutEffect(() => {
    let chart = null;
    const element = root.current;
    const draw = () => {
      chart?.destroy();
      const settings = options(element.clientWidth, days);
      settings.hooks = { setCursor: [(self) => {
        const at = self.cursor.idx;
        if (readout.current) readout.current.textContent = at === null || at === undefined ? '' : t.usage.readout(dayText(days[at]), costs[at]);
      }] };
      chart = new uPlot(settings, [days.map((_, index) => index), costs.map(number)], element);
    };
    draw();
    const resize = new ResizeObserver(() => element.clientWidth !== chart.width && chart.setSize({ width: element.clientWidth, height: 240 }));
    resize.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', draw);
    const theme = new MutationObserver(draw);
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      resize.disconnect();
      theme.disconnect();
      scheme.removeEventListener('change', draw);
      chart.destroy();
    };
  }, [days, costs]);
  return html`<figure class="chart"><div ref=${root} role="img" aria-label=${t.usage.chart}></div><figcaption class="fine" ref=${readout}></figcaption></figure>`;
}
