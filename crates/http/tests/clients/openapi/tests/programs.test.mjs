// Two generators write clients from the OpenAPI document. The clients and the programs that use them are compiled in
// strict mode; then the programs talk to the built program.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { DOCUMENT, FOLDER, run } from '../support/generators.mjs';
import { startServer } from '../../support/server.mjs';

let server;

before(async () => {
  for (const folder of ['generated', 'build']) rmSync(new URL(folder, FOLDER), { recursive: true, force: true });
  await run('node_modules/openapi-typescript/bin/cli.js', [DOCUMENT, '--output', 'generated/openapi-typescript.ts']);
  await run('node_modules/@hey-api/openapi-ts/bin/run.js', ['--no-log-file', '--silent']);
  await run('node_modules/typescript/bin/tsc', ['--project', '.']);
  server = await startServer();
});
after(() => server?.close());

test('the program of the documentation runs', async () => {
  assert.match(await server.run('build/programs/example.js'), /You said: Hello/);
});

for (const program of ['openapi-fetch', 'hey-api']) {
  test(`a client of ${program} talks to the program`, async () => {
    assert.match(await server.run(`build/programs/${program}.js`), /^done$/m);
  });
}
