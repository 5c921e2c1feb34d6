// Speed of the page in Chromium: the first view, a long stream, a long conversation. Prints the figures, and fails if one
// is above its bound. It needs an idle machine, so it is no test.
//
//   CAUSERIE_BINARY=… node benchmark.mjs [DELTAS]

import { converse, openPage, setUp, signIn } from './support/browser.mjs';

const DELTAS = Number(process.argv[2] ?? 10_000);
const DELAY_MS = 5;
const ROUNDS = 5;
const MESSAGES = 500;

const all = await setUp();
const { api } = all.server;
await all.server.tool('fast', `sim/slow?words=${DELTAS}&delay_ms=${DELAY_MS}`);
let exceeded = false;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Prints a figure and compares it with its bound. */
function report(name, value, bound, unit = 'ms') {
  const verdict = value <= bound ? 'within' : 'ABOVE';
  exceeded ||= value > bound;
  console.log(`${name.padEnd(60)}${value.toFixed(1).padStart(8)} ${unit}  ${verdict} ${bound} ${unit}`);
}

async function firstView() {
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const page = await openPage(all.browser, all.server);
    await page.goto(all.server.address);
    await page.getByLabel('API key').waitFor();
    times.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime));
    await page.context().close();
  }
  report(`first view without a cache, median of ${ROUNDS}`, median(times), 300);
}

/** Records, in the page, its long tasks and the main-thread work of each frame. */
function observe() {
  globalThis.longTasks = [];
  new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
  globalThis.frames = [];
  const { port1, port2 } = new MessageChannel();
  let start = 0;
  // Work of a frame: from its start to a task that runs once the frame has been laid out and painted.
  port2.onmessage = () => globalThis.frames.push(performance.now() - start);
  const frame = () => {
    start = performance.now();
    port1.postMessage(null);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

async function longStream() {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await page.evaluate(observe);
  await converse(page, 'fast', 'Go');
  const started = Date.now();
  await page.locator('.theirs .price').waitFor({ timeout: DELTAS * DELAY_MS * 4 + 30_000 });
  const seconds = (Date.now() - started) / 1000;
  const { frames, longTasks } = await page.evaluate(() => ({ frames: globalThis.frames, longTasks: globalThis.longTasks }));
  const sorted = frames.toSorted((a, b) => a - b);
  console.log(`${DELTAS} deltas in ${seconds.toFixed(1)} s, ${frames.length} frames, p50 ${sorted[Math.floor(frames.length / 2)].toFixed(1)} ms, p99 ${sorted[Math.floor(frames.length * 0.99)].toFixed(1)} ms`);
  report('main-thread work of a frame, p95', sorted[Math.floor(frames.length * 0.95)], 8);
  report('longest task', Math.max(0, ...longTasks), 50);
  await page.context().close();
}

async function longConversation() {
  const session = await api('POST', '/sessions', { tool: 'general-assistant', title: 'Long' });
  for (let index = 0; index < MESSAGES / 2; index += 1) await api('POST', `/sessions/${session.id}/messages`, { content: `Message ${index}` });
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await page.goto(`${all.server.address}/#/account`);
    await page.getByRole('heading', { name: 'Account' }).waitFor();
    times.push(await page.evaluate(async (id) => {
      const start = performance.now();
      location.hash = `#/sessions/${id}`;
      await new Promise((resolve) => {
        const look = () => (document.querySelector('.message:last-child .price') ? resolve() : requestAnimationFrame(look));
        look();
      });
      return performance.now() - start;
    }, session.id));
  }
  report(`conversation of ${MESSAGES} messages opens, median of ${ROUNDS}`, median(times), 200);
}

await firstView();
await longConversation();
await longStream();
await all.close();
process.exitCode = exceeded ? 1 : 0;
