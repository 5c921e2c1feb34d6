// A browser that no debugger observes while it loads a page. The debugger is told of each request, which takes more time
// than the request.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { EXECUTABLE, firstPaint } from './browser.mjs';

const FLAGS = ['--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--no-first-run', '--remote-debugging-port=0'];
const LIMIT_MS = 60_000;
const POLL_MS = 500;
/** Time for the start of the browser, and for the page to show a view. */
const CALM_MS = 2000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts a browser with an empty profile. `open(address)` opens a tab and returns what it painted first. */
export async function unobserved() {
  const profile = mkdtempSync(join(tmpdir(), 'causerie-browser-'));
  const child = spawn(EXECUTABLE, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const address = await new Promise((resolve, reject) => {
    let text = '';
    child.stderr.on('data', (data) => {
      text += data;
      const port = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1];
      if (port) resolve(`http://127.0.0.1:${port}`);
    });
    ended.then(() => reject(new Error(`${EXECUTABLE} did not start: ${text}`)));
  });
  await pause(CALM_MS);
  return {
    open: async (url) => {
      const { id } = await fetch(`${address}/json/new?${url}/`, { method: 'PUT' }).then((response) => response.json());
      await pause(CALM_MS);
      for (const deadline = Date.now() + LIMIT_MS; ;) {
        const tabs = await fetch(`${address}/json/list`).then((response) => response.json());
        // The title of the document is that of the program until a view is shown.
        if (tabs.find((tab) => tab.id === id)?.title.includes(' · ')) break;
        if (Date.now() > deadline) throw new Error(`no view is shown: ${JSON.stringify(tabs)}`);
        await pause(POLL_MS);
      }
      const observer = await chromium.connectOverCDP(address);
      const page = observer.contexts()[0].pages().find((each) => each.url().startsWith(url));
      const found = await firstPaint(page);
      await page.close();
      await observer.close();
      return found;
    },
    close: async () => {
      // A browser that is closed ends its other processes, which write to the profile.
      const observer = await chromium.connectOverCDP(address);
      await observer.newBrowserCDPSession().then((session) => session.send('Browser.close'));
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
    },
  };
}
