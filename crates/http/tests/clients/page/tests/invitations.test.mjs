// Invitations to a group, on both sides: declined and accepted, with the keyboard alone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, setUp, settled, signIn, view } from '../support/browser.mjs';

let all;
let group;
let guestKey;
let head;
let guest;
before(async () => {
  all = await setUp();
  const { api } = all.server;
  group = await api('POST', '/groups', { name: 'Analysts' });
  const users = {};
  for (const name of ['Head', 'Guest']) {
    const user = await api('POST', '/users', { name, email: `${name.toLowerCase()}@example.org` });
    users[name] = { id: user.id, key: (await api('POST', '/api-keys', { name: 'laptop', user_id: user.id })).key };
  }
  guestKey = users.Guest.key;
  await api('POST', `/groups/${group.id}/members`, { user_id: users.Head.id, role: 'admin' });
  head = await openPage(all.browser, all.server);
  guest = await openPage(all.browser, all.server);
  await signIn(head, all.server, users.Head.key);
  await signIn(guest, all.server, guestKey);
});
after(() => all.close());

/** Opens the members of the group as its administrator sees them now. */
async function showMembers() {
  await view(head, all.server, 'administration/groups');
  await head.reload();
  await head.getByRole('button', { name: 'Members of Analysts' }).click();
  await head.getByRole('table', { name: 'Members' }).waitFor();
  await settled(head);
}
const invitations = () => head.getByRole('table', { name: 'Invitations' });

async function invite() {
  await head.getByLabel('E-mail').fill('guest@example.org');
  await head.keyboard.press('Enter');
  await invitations().getByText('guest@example.org').waitFor();
}

async function openAccount() {
  await view(guest, all.server, 'account');
  await guest.reload();
  await guest.getByRole('heading', { name: 'Groups' }).waitFor();
  await settled(guest);
}

/** Moves the focus forward to a button, and presses it. */
async function press(name) {
  const button = guest.getByRole('button', { name });
  for (let step = 0; step < 80 && !(await button.evaluate((element) => element === document.activeElement)); step += 1) await guest.keyboard.press('Tab');
  await guest.keyboard.press('Enter');
}
const focused = () => guest.evaluate(() => document.activeElement.getAttribute('aria-labelledby') ?? document.activeElement.tagName);
const me = () => all.server.api('GET', '/me', undefined, { bearer: guestKey });

test('an invitation is listed on both sides, and gives nothing yet', async () => {
  await showMembers();
  assert.equal(await invitations().count(), 0);
  await invite();
  assert.equal(await head.getByRole('button', { name: 'Remove Guest' }).count(), 0);
  await openAccount();
  const row = guest.getByRole('listitem').filter({ hasText: 'Analysts' });
  await row.getByText(/invited as member, \w+ \d+, \d{4}/).waitFor();
  for (const name of ['Accept', 'Decline']) await row.getByRole('button', { name: `${name} the invitation to Analysts` }).waitFor();
  assert.equal(await guest.getByRole('button', { name: 'Leave' }).count(), 0);
  assert.deepEqual([(await me()).groups.length, (await me()).invitations.length], [0, 1]);
});

test('an invitation that is declined with the keyboard is gone on both sides', async () => {
  await press('Decline the invitation to Analysts');
  await guest.getByText('You are in no group.').waitFor();
  await guest.getByRole('status').getByText('The invitation to Analysts is declined').waitFor();
  assert.equal(await guest.getByRole('button', { name: /Accept|Decline|Leave/ }).count(), 0);
  // The button that had the focus is gone; the next Tab goes on from its section.
  assert.equal(await focused(), 'groups');
  assert.deepEqual([(await me()).groups.length, (await me()).invitations.length], [0, 0]);
  await openAccount();
  await guest.getByText('You are in no group.').waitFor();
  await showMembers();
  assert.equal(await invitations().count(), 0);
  assert.equal(await head.getByRole('button', { name: 'Remove Guest' }).count(), 0);
});

test('who declined can be invited again, accepts and leaves with the keyboard', async () => {
  await invite();
  await openAccount();
  await press('Accept the invitation to Analysts');
  await guest.getByRole('button', { name: 'Leave' }).waitFor();
  await guest.getByRole('status').getByText('You are in Analysts').waitFor();
  assert.equal(await focused(), 'groups');
  await showMembers();
  await head.getByRole('button', { name: 'Remove Guest' }).waitFor();
  assert.equal(await invitations().count(), 0);
  await press('Leave');
  await guest.getByText('You are in no group.').waitFor();
  assert.equal(await focused(), 'groups');
});

test('an invitation that was withdrawn meanwhile is refused with a sentence', async () => {
  await showMembers();
  await invite();
  await openAccount();
  await head.getByRole('button', { name: 'Withdraw the invitation of guest@example.org' }).click();
  await invitations().waitFor({ state: 'detached' });
  await press('Accept the invitation to Analysts');
  await guest.getByRole('alert').waitFor();
  await openAccount();
  await guest.getByText('You are in no group.').waitFor();
  assert.deepEqual([...head.problems, ...guest.problems], []);
});
