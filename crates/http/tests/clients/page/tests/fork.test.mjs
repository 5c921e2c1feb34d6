// Forks: from a message, and the way back to the origin.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { converse, idle, openPage, setUp, signIn } from '../support/browser.mjs';

let all;
before(async () => {
  all = await setUp();
});
after(() => all.close());

test('a session is forked from a message, and its lineage is shown', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await converse(page, 'general-assistant', 'The first question');
  await idle(page);
  await page.getByLabel('Message', { exact: true }).fill('The second question');
  await page.keyboard.press('Enter');
  await page.locator('.theirs .price').nth(1).waitFor();
  const origin = page.url();
  await page.locator('.theirs').first().getByRole('button', { name: 'Fork' }).click();
  await page.getByRole('dialog').getByLabel('Title').fill('Another way');
  await page.getByRole('dialog').getByRole('button', { name: 'Fork' }).click();
  await page.getByRole('heading', { name: 'Another way' }).waitFor();
  assert.notEqual(page.url(), origin);
  assert.equal(await page.locator('.message').count(), 2);
  await page.getByRole('button', { name: 'forked from message 2' }).click();
  await page.getByRole('dialog').getByRole('link', { name: 'The first question' }).click();
  await page.waitForURL(origin);
  await page.getByRole('button', { name: 'Session actions' }).click();
  await page.getByRole('menuitem', { name: 'Forks and origin' }).click();
  await page.getByRole('dialog').getByRole('link', { name: 'Another way' }).waitFor();
  assert.deepEqual(page.problems, []);
});

test('another answer replaces the last one, which stays marked', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await converse(page, 'general-assistant', 'Once more, please');
  await idle(page);
  await page.getByRole('button', { name: 'Regenerate' }).click();
  await page.locator('.theirs').nth(1).waitFor();
  await idle(page, 2);
  await page.locator('.theirs.superseded').getByText('replaced by a later answer').waitFor();
  assert.equal(await page.locator('.mine').count(), 1);
  assert.equal(await page.getByRole('button', { name: 'Regenerate' }).count(), 1);
  await page.reload();
  await page.locator('.theirs.superseded').getByText('replaced by a later answer').waitFor();
  assert.deepEqual(page.problems, []);
});
