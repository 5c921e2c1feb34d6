// Headless Chromium, and the steps that most flows begin with.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { startServer } from './server.mjs';

export const EXECUTABLE = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const launch = () => chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

/** Records violations in `problems`: requests to other hosts, policy violations, errors of scripts, dialogs, and keys in addresses. */
function watch(page, server) {
  const problems = [];
  const open = new Set();
  page.on('request', (request) => open.add(request));
  page.on('requestfinished', (request) => open.delete(request));
  page.on('requestfailed', (request) => open.delete(request));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(server.address) && !url.startsWith('data:') && !url.startsWith('blob:')) problems.push(`request to ${url}`);
    if (/csr_/.test(url)) problems.push(`key in ${url}`);
  });
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('console', (message) => {
    if (/Content Security Policy|Trusted|csr_/.test(message.text())) problems.push(`console: ${message.text()}`);
  });
  return Object.assign(page, { problems, openRequests: open });
}

/** Opens a page in a browser profile of its own. Its `problems` must be empty at the end of a test. */
export async function openPage(browser, server, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', timezoneId: 'Europe/Berlin', ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.address });
  // A busy machine is slow; what never happens is still told.
  context.setDefaultTimeout(120_000);
  return watch(await context.newPage(), server);
}

/** Opens another tab in the browser profile of a page. */
export const openTab = async (page, server) => watch(await page.context().newPage(), server);

export async function signIn(page, server, key = server.key, { menu = false } = {}) {
  await page.goto(server.address);
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: menu ? 'Menu' : 'New session' }).waitFor();
}

/** Starts a session with a tool by its first message. */
export async function converse(page, tool, text) {
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByLabel('Tool', { exact: true }).selectOption(tool);
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.waitForURL(/#\/sessions\//);
}

export const answers = (page) => page.locator('.message.theirs .bubble');

/** Waits until a number of answers is there and none is being written. */
export const idle = (page, number = 1) => page.waitForFunction((wanted) => {
  const found = document.querySelectorAll('.messages > .theirs');
  return found.length >= wanted && !found[found.length - 1].hasAttribute('aria-busy') && document.querySelector('.composer [type="submit"]') !== null;
}, number);

const SETTLED_MS = 120_000;

/** Runs in the page: true if a view is shown, nothing in it is being read, and every transition has ended. */
async function isCalm() {
  await document.fonts.ready;
  for (let frame = 0; frame < 2; frame += 1) await new Promise((resolve) => requestAnimationFrame(resolve));
  const moving = document.getAnimations().filter((animation) => animation.effect?.getComputedTiming().endTime !== Infinity);
  await Promise.allSettled(moving.map((animation) => animation.finished));
  return document.querySelector('main') !== null && document.querySelector('[aria-busy="true"]') === null;
}

/**
 * Waits until a view is complete: no request is open, nothing is marked as busy, and no transition runs. A change of the
 * hash loads no document, so the load states of the browser say nothing about a view.
 */
export async function settled(page) {
  const deadline = Date.now() + SETTLED_MS;
  const isQuiet = () => page.openRequests.size === 0;
  while (!(isQuiet() && await page.evaluate(isCalm) && isQuiet())) {
    assert.ok(Date.now() < deadline, `the view is not complete: ${[...page.openRequests].map((request) => request.url()).join(', ')}`);
    await page.waitForTimeout(20);
  }
}

/** Opens a view of the page that is signed in, and waits until it is complete. */
export async function view(page, server, path) {
  await page.goto(`${server.address}/#/${path}`);
  // The view of the hash is rendered by the event of its change.
  await page.waitForFunction((wanted) => location.hash === wanted, `#/${path}`);
  await settled(page);
}

/** Returns what the browser painted first: `{paint, files}`, with the time in milliseconds and the files that were requested until then, `[{name, bytes}]`. */
export async function firstPaint(page) {
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
  return page.evaluate(() => {
    const [{ startTime: paint }] = performance.getEntriesByName('first-contentful-paint');
    const requested = ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type)).filter(({ startTime }) => startTime <= paint);
    return { paint, files: requested.map(({ name, encodedBodySize }) => ({ name, bytes: encodedBodySize })) };
  });
}

export const sizeOf = (files) => files.reduce((sum, { bytes }) => sum + bytes, 0);

/** Fails with the rules that the view violates, once the view is complete. */
export async function checkAxe(page, name) {
  await settled(page);
  // The policy of the page forbids injected scripts, so axe is evaluated by the debugger.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  assert.deepEqual(violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join(' | ')}`), []);
}

/** Server, browser and page for the tests of one file. */
export async function setUp(options) {
  const server = await startServer(options);
  const browser = await launch();
  return { server, browser, close: async () => {
    await browser.close();
    await server.close();
  } };
}
