// Programs of npm packages, run with the Node.js of the tests.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The folder of the suite. */
export const FOLDER = new URL('../', import.meta.url);
/** The OpenAPI document of the repository. `cargo xtask check` compares it with the output of the program. */
export const DOCUMENT = fileURLToPath(new URL('../../../../../docs/openapi.json', FOLDER));

/** Runs a program and returns its output; the error of a failed program contains it. */
export async function run(program, args) {
  const options = {
    cwd: fileURLToPath(FOLDER), maxBuffer: 2 ** 26, timeout: 300_000,
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', NO_COLOR: '1' },
  };
  try {
    return (await promisify(execFile)(process.execPath, [program, ...args], options)).stdout;
  } catch (error) {
    throw new Error(`${program} failed:\n${error.stdout ?? ''}${error.stderr ?? ''}`, { cause: error });
  }
}
