// Speed of the page in Chromium: the first view, a long conversation, a long stream. Prints the figures, and fails if one
// is above its bound. Times of views need an idle machine, so it is no test. Tasks are measured in the processor time of
// the main thread, which other programs do not lengthen, and in elapsed time, which is printed beside it.
//
//   CAUSERIE_BINARY=… node benchmark.mjs [DELTAS]

import { converse, openPage, setUp, settled, signIn, sizeOf } from './support/browser.mjs';
import { startServer } from './support/server.mjs';
import { unobserved } from './support/unobserved.mjs';

const DELTAS = Number(process.argv[2] ?? 10_000);
const DELAY_MS = 5;
const ROUNDS = 5;
const MESSAGES = 500;
const FRAME_MS = 1000 / 60;

const all = await setUp();
const { api } = all.server;
await all.server.tool('fast', `sim/slow?words=${DELTAS}&delay_ms=${DELAY_MS}`);
let exceeded = false;

const sorted = (values) => values.toSorted((a, b) => a - b);
const quantile = (values, share) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))];
const median = (values) => quantile(values, 0.5);

/** Prints a figure, and compares it with its bound if there is one. */
function report(name, value, bound = null, unit = 'ms') {
  if (bound === null) {
    console.log(`${name.padEnd(64)}${value.toFixed(1).padStart(8)} ${unit}`);
    return;
  }
  const verdict = value <= bound ? 'within' : 'ABOVE';
  exceeded ||= value > bound;
  console.log(`${name.padEnd(64)}${value.toFixed(1).padStart(8)} ${unit}  ${verdict} ${bound} ${unit}`);
}

/** Opens the page in a new browser that nothing observes, which costs time for each file; then again in another tab, with the files in the cache. */
async function firstView(name, server, bound = null) {
  const views = { 'without a cache': [], 'a second time': [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const browser = await unobserved();
    for (const found of Object.values(views)) found.push(await browser.open(server.address));
    await browser.close();
  }
  report(`${name}, compressed`, Math.max(...views['without a cache'].map(({ files }) => sizeOf(files))) / 1000, 150, 'kB');
  for (const [when, found] of Object.entries(views)) report(`${name}, ${when}, median of ${ROUNDS}`, median(found.map(({ paint }) => paint)), bound);
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
    await settled(page);
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
  await page.evaluate(() => {
    globalThis.longTasks = [0];
    new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
  });
  await page.waitForFunction((wanted) => {
    document.querySelector('.transcript').scrollTo(0, 0);
    return document.querySelectorAll('.message').length === wanted;
  }, MESSAGES, { polling: 'raf' });
  report(`longest task while all ${MESSAGES} messages load`, Math.max(...await page.evaluate(() => globalThis.longTasks)));
  await page.context().close();
}

/** Returns the tasks of the main thread of the page in milliseconds: `{start, duration, work}`, with the processor time. */
function mainThreadTasks(trace) {
  const { traceEvents: events } = JSON.parse(trace);
  const mains = new Set(events.filter((event) => event.name === 'thread_name' && event.args.name === 'CrRendererMain').map((event) => `${event.pid} ${event.tid}`));
  const threads = new Map();
  for (const event of events) {
    const thread = `${event.pid} ${event.tid}`;
    if (event.ph !== 'X' || event.name !== 'RunTask' || !mains.has(thread)) continue;
    if (!threads.has(thread)) threads.set(thread, []);
    threads.get(thread).push({ start: event.ts / 1000, duration: event.dur / 1000, work: (event.tdur ?? event.dur) / 1000 });
  }
  const work = (tasks) => tasks.reduce((sum, task) => sum + task.duration, 0);
  return [...threads.values()].toSorted((a, b) => work(b) - work(a))[0] ?? [];
}

/** Returns the main-thread work of each frame in milliseconds. `measure` names the time of a task; one that is longer than a frame counts in each frame that it delays. */
function workOfFrames(tasks, measure) {
  const first = tasks[0].start;
  const frames = new Array(Math.ceil((tasks.at(-1).start + tasks.at(-1).duration - first) / FRAME_MS)).fill(0);
  for (const { start, [measure]: time } of tasks) {
    for (let left = time, at = start - first; left > 0;) {
      const index = Math.min(Math.floor(at / FRAME_MS), frames.length - 1);
      const part = index === frames.length - 1 ? left : Math.min(left, (index + 1) * FRAME_MS - at) || left;
      frames[index] += part;
      at += part;
      left -= part;
    }
  }
  return frames;
}

async function longStream() {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await settled(page);
  await all.browser.startTracing(page, { categories: ['-*', 'disabled-by-default-devtools.timeline'] });
  await converse(page, 'fast', 'Go');
  const started = Date.now();
  await page.locator('.theirs .price').waitFor({ timeout: DELTAS * DELAY_MS * 4 + 30_000 });
  const seconds = (Date.now() - started) / 1000;
  const tasks = mainThreadTasks(await all.browser.stopTracing());
  const words = await page.locator('.theirs .bubble').evaluate((element) => element.textContent.trim().split(/\s+/).length);
  const frames = workOfFrames(tasks, 'work');
  const elapsed = workOfFrames(tasks, 'duration');
  console.log(`${words} words in ${seconds.toFixed(1)} s: ${(words / seconds).toFixed(0)} a second; ${frames.length} frames, ${tasks.length} tasks, work p50 ${median(frames).toFixed(1)} ms, p99 ${quantile(frames, 0.99).toFixed(1)} ms; elapsed p95 ${quantile(elapsed, 0.95).toFixed(1)} ms, longest task ${Math.max(...tasks.map((task) => task.duration)).toFixed(1)} ms`);
  report('main-thread work of a frame, p95', quantile(frames, 0.95), 8);
  report('longest task', Math.max(...tasks.map((task) => task.work)), 50);
  await page.context().close();
}

try {
  const open = await startServer({ flags: ['--insecure-no-auth'] });
  await firstView('sign-in', all.server, 300);
  await firstView('tools', open).finally(open.close);
  await longConversation();
  await longStream();
} finally {
  await all.close();
}
process.exitCode = exceeded ? 1 : 0;
