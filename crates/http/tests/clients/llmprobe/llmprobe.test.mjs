// llmprobe, unmodified, against the built program: every check of chat completions passes.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { startServer } from '../support/server.mjs';

/** Checks of chat completions that do not apply, by name, with the reason. */
const EXCLUDED = {
  'chat-n-choices': 'more than one choice is refused with 400: no upstream offers it',
  'chat-assistant-prefill': 'judges how a model continues its own words, and the one of the simulator repeats the user',
};
/** Model of the simulator that follows a request; with short tokens, prompts are long enough for its cache. */
const MODEL = 'sim/assistant?chars_per_token=2';
let server;
let report;

/** Runs llmprobe and returns its report. Its exit code also judges the model and other dialects. */
async function probe() {
  const options = ['--model', MODEL, '--reasoning', 'default', '--full', '--no-bench', '--no-save', '--json', '--timeout', '60'];
  const program = 'node_modules/llmprobe/bin/dist/llmprobe.mjs';
  const output = await new Promise((resolve) => {
    const run = { maxBuffer: 64 << 20, timeout: 300_000, env: { ...process.env, NO_COLOR: '1' } };
    execFile(process.execPath, [program, `${server.address}/v1`, '--api-key', server.key, ...options], run, (_, stdout) => resolve(stdout));
  });
  return JSON.parse(output.slice(output.indexOf('{')));
}

before(async () => {
  // A limit of requests is announced in headers.
  server = await startServer({ CAUSERIE_SENDS_PER_MINUTE: '100000' });
  report = await probe();
});
after(() => server.close());

test('llmprobe finds the API complete', () => {
  assert.equal(report.incomplete, undefined);
  const checks = report.conformance.results.filter(({ surface }) => surface === 'chat');
  assert.ok(checks.length >= 41, `${checks.length} checks`);
  const judged = checks.filter(({ id }) => !(id in EXCLUDED));
  const wrong = judged.filter(({ outcome, failures }) => outcome !== 'pass' || failures.some(({ severity }) => severity !== 'MAY'));
  const lines = wrong.map(({ id, outcome, reason, failures }) => `${id}: ${outcome} ${reason ?? ''} ${JSON.stringify(failures)}`);
  assert.equal(lines.length, 0, `\n${lines.join('\n')}`);
  for (const id of Object.keys(EXCLUDED)) assert.ok(checks.some((check) => check.id === id), `${id} does not exist`);
  console.log(`${judged.length} of ${checks.length} checks pass, ${Object.keys(EXCLUDED).length} are excluded`);
});
