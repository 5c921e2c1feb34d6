// The rules `recommended` of Redocly find nothing in the OpenAPI document. No file takes a finding out.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { FOLDER, DOCUMENT, run } from '../support/generators.mjs';

const IGNORED = ['.redocly.lint-ignore.yaml', 'redocly.yaml', '.redocly.yaml', 'redocly.yml', '.redocly.yml'];

test('the recommended rules of Redocly find nothing', async () => {
  for (const file of IGNORED) assert.ok(!existsSync(new URL(file, FOLDER)), `${file} changes the rules`);
  const output = await run('node_modules/@redocly/cli/bin/cli.js', ['lint', DOCUMENT, '--extends', 'recommended', '--format', 'json', '--max-problems', '1000']);
  const { totals, problems } = JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1));
  const list = problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location?.[0]?.pointer ?? ''}`);
  assert.deepEqual({ ...totals, list }, { errors: 0, warnings: 0, ignored: 0, list: [] });
});
