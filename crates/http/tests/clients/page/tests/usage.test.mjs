// Usage: the chart, the tables and their order, the range, the CSV file.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { converse, idle, openPage, setUp, signIn } from '../support/browser.mjs';

let all;
let page;
before(async () => {
  all = await setUp();
  page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await converse(page, 'general-assistant', 'One');
  await idle(page);
  await converse(page, 'translator', 'Two');
  await page.locator('.theirs .price').waitFor();
  await page.getByRole('link', { name: 'Usage' }).click();
});
after(() => all.close());

test('costs are drawn per day and listed by model, tool, user and group', async () => {
  await page.locator('.chart canvas').waitFor();
  for (const name of ['By model', 'By tool', 'By user', 'By group']) await page.getByRole('table', { name }).waitFor();
  await page.getByRole('table', { name: 'By tool' }).getByRole('cell', { name: 'translator' }).waitFor();
  await page.getByRole('table', { name: 'By user' }).getByRole('cell', { name: 'admin (you)' }).waitFor();
  await page.getByText('Days in the time zone Europe/Berlin').waitFor();
});

test('a table sorts by its columns', async () => {
  const table = page.getByRole('table', { name: 'By tool' });
  const names = async () => (await table.locator('tbody tr td:first-child').allTextContents()).join();
  await table.getByRole('button', { name: 'Tool' }).click();
  const ascending = await names();
  await table.getByRole('button', { name: 'Tool' }).click();
  assert.equal(await names(), ascending.split(',').reverse().join());
  assert.equal(await table.locator('th[aria-sort]').getAttribute('aria-sort'), 'descending');
});

test('sums have their basis, the cached share and the drift', async () => {
  await page.locator('.bases').getByText('reported').waitFor();
  await page.locator('.bases').getByText('Drift').waitFor();
  for (const name of ['Cost', 'Requests', 'Tokens', 'From cache']) await page.locator('.figures').getByText(name, { exact: true }).waitFor();
  await page.getByRole('table', { name: 'By model' }).getByRole('columnheader', { name: 'Drift' }).waitFor();
  await page.getByText('Drift is the calculated cost less the reported one').waitFor();
  await page.getByRole('table', { name: 'By user' }).getByRole('columnheader', { name: 'From cache' }).waitFor();
});

test('numbers sort as numbers, the largest first', async () => {
  const table = page.getByRole('table', { name: 'By tool' });
  const costs = async () => (await table.locator('tbody tr td:last-child').allTextContents()).map((text) => Number(text.replace('$', '')));
  await table.getByRole('button', { name: 'Cost' }).click();
  const descending = await costs();
  assert.deepEqual(descending, descending.toSorted((a, b) => b - a));
  await table.getByRole('button', { name: 'Cost' }).click();
  assert.deepEqual(await costs(), descending.toReversed());
});

test('the chart has its numbers as a table, and names the day under the pointer', async () => {
  await page.getByText('Show as a table').click();
  const rows = page.getByRole('table', { name: 'Cost per day' }).locator('tbody tr');
  assert.equal(await rows.count(), 1);
  const plot = page.locator('.chart .u-over');
  const { width, height } = await plot.boundingBox();
  await plot.hover({ position: { x: width - 8, y: height / 2 } });
  await page.locator('.chart figcaption').getByText(/\$0\.\d+/).waitFor();
});

test('days are those of the time zone of the viewer', async () => {
  // One of the two zones is always a day ahead of the other.
  const today = async (timezoneId) => {
    const other = await openPage(all.browser, all.server, { timezoneId });
    await signIn(other, all.server);
    const requested = other.waitForRequest((request) => /\/usage\?/.test(request.url()) && request.url().includes('group_by=day'));
    await other.goto(`${all.server.address}/#/usage?range=today`);
    const query = new URL((await requested).url()).searchParams;
    await other.getByText(`Days in the time zone ${timezoneId}`).waitFor();
    await other.getByRole('table', { name: 'By tool' }).getByRole('cell', { name: 'translator' }).waitFor();
    assert.deepEqual(other.problems, []);
    const shown = await other.getByLabel('From', { exact: true }).inputValue();
    const expected = new Intl.DateTimeFormat('sv-SE', { timeZone: timezoneId }).format(new Date());
    assert.deepEqual([query.get('tz'), query.get('from'), shown], [timezoneId, expected, expected]);
    return shown;
  };
  assert.notEqual(await today('Pacific/Kiritimati'), await today('Pacific/Pago_Pago'));
});

test('days are picked, and a range without requests says so', async () => {
  await page.getByLabel('From', { exact: true }).fill('2025-01-01');
  await page.waitForURL(/range=custom&from=2025-01-01/);
  assert.equal(await page.getByLabel('Range').inputValue(), 'custom');
  await page.getByLabel('To', { exact: true }).fill('2025-01-31');
  await page.waitForURL(/to=2025-01-31/);
  await page.getByText('No requests in this range.').waitFor();
  assert.equal(await page.locator('.chart').count(), 0);
});

test('the range is kept in the address', async () => {
  await page.getByLabel('Range').selectOption('lastMonth');
  await page.getByText('No requests in this range.').waitFor();
  assert.match(page.url(), /range=lastMonth/);
  await page.reload();
  await page.getByText('No requests in this range.').waitFor();
  assert.equal(await page.getByLabel('Range').inputValue(), 'lastMonth');
  await page.getByLabel('Range').selectOption('today');
  await page.getByRole('table', { name: 'By tool' }).waitFor();
});

test('reports that could not be read are read again', async () => {
  await page.route(/\/usage\?/, (route) => route.abort());
  await page.getByLabel('Range').selectOption('week');
  await page.getByRole('main').getByRole('alert').getByText('The server cannot be reached.').waitFor();
  await page.unroute(/\/usage\?/);
  await page.getByRole('main').getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('table', { name: 'By tool' }).waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
});

test('a range of more days than a report has says so, and asks for none', async () => {
  const refused = [];
  page.on('response', (response) => response.status() >= 400 && refused.push(response.url()));
  for (const query of ['range=custom&from=abc&to=def', 'range=constructor']) {
    await page.goto(`${all.server.address}/#/usage?${query}`);
    await page.waitForFunction((wanted) => location.hash.endsWith(wanted), query);
    await page.waitForFunction(() => document.querySelector('.range select').value === 'days30');
    await page.getByRole('table', { name: 'By tool' }).waitFor();
  }
  await page.goto(`${all.server.address}/#/usage?range=custom&from=2024-01-01&to=2026-01-01`);
  await page.getByRole('alert').getByText('A range has at most 400 days.').waitFor();
  await page.getByLabel('Range').selectOption('today');
  await page.getByRole('table', { name: 'By tool' }).waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
  assert.deepEqual(refused, []);
});

test('the records are downloaded as CSV', async () => {
  const requested = page.waitForRequest((request) => request.url().includes('/usage/records'));
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download CSV' }).click();
  const text = await readFile(await (await download).path(), 'utf8');
  assert.match(text.split('\n')[0], /cost/);
  assert.equal(new URL((await requested).url()).searchParams.get('tz'), 'Europe/Berlin');
  assert.match((await download).suggestedFilename(), /^usage-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d\.csv$/);
  assert.ok(text.trim().split('\n').length >= 3);
  assert.deepEqual(page.problems, []);
});
