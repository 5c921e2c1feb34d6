// How fast the page is: the first view, 10,000 deltas at 200 a second, a conversation of 500 messages.
// The figures are printed; the bounds of the fast machine hold where CAUSERIE_PAGE_BOUNDS is set.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { converse, openPage, setUp, signIn } from '../support/browser.mjs';

const DELTAS = Number(process.env.CAUSERIE_PAGE_DELTAS ?? 2000);
const strict = Boolean(process.env.CAUSERIE_PAGE_BOUNDS);

let all;
before(async () => {
  all = await setUp();
  await all.server.tool('fast', `sim/slow?words=${DELTAS}&delay_ms=5`);
});
after(() => all.close());

test('the first view', async () => {
  const page = await openPage(all.browser, all.server);
  await page.goto(all.server.address);
  await page.getByLabel('API key').waitFor();
  const ms = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
  console.log(`first contentful paint: ${ms.toFixed(0)} ms`);
  if (strict) assert.ok(ms < 300);
});

test('deltas at 200 a second', { timeout: 300_000 }, async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  const debuggerSession = await page.context().newCDPSession(page);
  await debuggerSession.send('Performance.enable');
  await page.evaluate(() => {
    globalThis.longTasks = [];
    new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
    // Main-thread work of a frame: from its start to a task that runs once the frame has been laid out and painted.
    globalThis.frames = [];
    const { port1, port2 } = new MessageChannel();
    let start = 0;
    port2.onmessage = () => globalThis.frames.push(performance.now() - start);
    const frame = () => {
      start = performance.now();
      port1.postMessage(null);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await converse(page, 'fast', 'Go');
  const started = Date.now();
  await page.locator('.theirs .price').waitFor({ timeout: 280_000 });
  const seconds = (Date.now() - started) / 1000;
  const { metrics } = await debuggerSession.send('Performance.getMetrics');
  const metric = (name) => metrics.find((each) => each.name === name).value;
  const result = await page.evaluate(() => {
    const sorted = globalThis.frames.toSorted((a, b) => a - b);
    const at = (share) => sorted[Math.floor(sorted.length * share)];
    return { frames: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), longTasks: globalThis.longTasks };
  });
  console.log(`${DELTAS} deltas in ${seconds.toFixed(1)} s: ${result.frames} frames, work p50 ${result.p50.toFixed(1)} ms, p95 ${result.p95.toFixed(1)} ms, p99 ${result.p99.toFixed(1)} ms; long tasks ${JSON.stringify(result.longTasks)}; main thread busy ${(metric('TaskDuration') / seconds * 100).toFixed(0)} %`);
  if (strict) {
    assert.ok(result.p95 <= 8);
    assert.deepEqual(result.longTasks, []);
  }
});

test('500 messages', { timeout: 300_000 }, async () => {
  const session = await all.server.api('POST', '/sessions', { tool: 'general-assistant', title: 'Long' });
  for (let index = 0; index < 250; index += 1) await all.server.api('POST', `/sessions/${session.id}/messages`, { content: `Message ${index}` });
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  const ms = await page.evaluate(async (id) => {
    const start = performance.now();
    location.hash = `#/sessions/${id}`;
    await new Promise((resolve) => {
      const look = () => (document.querySelector('.message:last-child .price') ? resolve() : requestAnimationFrame(look));
      look();
    });
    return performance.now() - start;
  }, session.id);
  console.log(`500 messages open in ${ms.toFixed(0)} ms`);
  if (strict) assert.ok(ms < 200);
  for (let index = 0; index < 30; index += 1) {
    await page.locator('.transcript').evaluate((element) => element.scrollTo(0, 0));
    await page.waitForTimeout(100);
  }
  assert.equal(await page.locator('.message').count(), 500);
});
