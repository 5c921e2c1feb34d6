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

test('the range is kept in the address', async () => {
  await page.getByLabel('Range').selectOption('lastMonth');
  await page.locator('section > p.empty').first().waitFor();
  assert.match(page.url(), /range=lastMonth/);
  await page.getByLabel('Range').selectOption('today');
  await page.getByRole('table', { name: 'By tool' }).waitFor();
});

test('the records are downloaded as CSV', async () => {
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download CSV' }).click();
  const text = await readFile(await (await download).path(), 'utf8');
  assert.match(text.split('\n')[0], /cost/);
  assert.ok(text.trim().split('\n').length >= 3);
  assert.deepEqual(page.problems, []);
});
