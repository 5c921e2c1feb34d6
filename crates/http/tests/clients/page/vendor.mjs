// Copies the libraries of the page from `node_modules` to `crates/http/page/vendor`, with their licences and a table.
//
//   node vendor.mjs           writes the files
//   node vendor.mjs --check   compares them, and exits with 1 if one differs
//
// Two things are changed in a copy: bare import names become relative paths, because the page has no import map, and
// references to source maps are removed.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, 'node_modules');
const target = join(here, '../../../page/vendor');

/** Copied files: name of the copy, package, path in the package. */
const FILES = [
  ['preact.mjs', 'preact', 'dist/preact.mjs'],
  ['preact-hooks.mjs', 'preact', 'hooks/dist/hooks.mjs'],
  ['htm.mjs', 'htm', 'dist/htm.mjs'],
  ['marked.mjs', 'marked', 'lib/marked.esm.js'],
  ['casl-ability.mjs', '@casl/ability', 'dist/esm/index.mjs'],
  ['casl-ability-utils.mjs', '@casl/ability', 'dist/esm/utils-C7xfzvt1.mjs'],
  ['ucast-core.mjs', '@ucast/core', 'dist/esm/index.mjs'],
  ['ucast-js.mjs', '@ucast/js', 'dist/esm/index.mjs'],
  ['ucast-mongo.mjs', '@ucast/mongo', 'dist/esm/index.mjs'],
  ['ucast-mongo2js.mjs', '@ucast/mongo2js', 'dist/esm/index.mjs'],
  ['uplot.mjs', 'uplot', 'dist/uPlot.esm.js'],
  ['uplot.css', 'uplot', 'dist/uPlot.min.css'],
  ['source-serif-4-latin.woff2', '@fontsource-variable/source-serif-4', 'files/source-serif-4-latin-wght-normal.woff2'],
  ['source-serif-4-latin-italic.woff2', '@fontsource-variable/source-serif-4', 'files/source-serif-4-latin-wght-italic.woff2'],
];

/** Bare import names and the copies that they refer to. */
const IMPORTS = {
  preact: './preact.mjs',
  './utils-C7xfzvt1.mjs': './casl-ability-utils.mjs',
  '@ucast/core': './ucast-core.mjs',
  '@ucast/js': './ucast-js.mjs',
  '@ucast/mongo': './ucast-mongo.mjs',
  '@ucast/mongo2js': './ucast-mongo2js.mjs',
};

const lock = JSON.parse(readFileSync(join(here, 'package-lock.json'), 'utf8'));
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

function rewrite(source) {
  return source
    .replace(/(\b(?:from|import)\s*)(["'])([^"']+)\2/g, (whole, start, quote, name) =>
      name in IMPORTS ? `${start}${quote}${IMPORTS[name]}${quote}` : whole)
    .replace(/\n?\/\/# sourceMappingURL=.*\n?$/, '\n');
}

const output = new Map();
const rows = [];
for (const [name, packageName, path] of FILES) {
  const original = readFileSync(join(packages, packageName, path));
  const bytes = name.endsWith('.mjs') ? Buffer.from(rewrite(original.toString('utf8'))) : original;
  const { version, integrity } = lock.packages[`node_modules/${packageName}`];
  const { license } = JSON.parse(readFileSync(join(packages, packageName, 'package.json'), 'utf8'));
  const licenceFile = `licenses/${packageName.replace('@', '').replace('/', '-')}.txt`;
  output.set(name, bytes);
  output.set(licenceFile, readFileSync(join(packages, packageName, 'LICENSE')));
  rows.push({ file: name, package: packageName, version, license, licence_file: licenceFile, origin: path, integrity, origin_sha256: sha256(original), sha256: sha256(bytes) });
}
output.set('vendored.json', Buffer.from(`${JSON.stringify(rows, null, 2)}\n`));

const cell = (row) => `| \`${row.file}\` | ${row.package} ${row.version} | [${row.license}](${row.licence_file}) | \`${row.origin}\` | \`${row.sha256}\` |`;
output.set('README.md', Buffer.from(`# Libraries of the page

Files of npm packages that the browser loads from this server.
\`node crates/http/tests/clients/page/vendor.mjs\` writes this folder, and \`--check\` compares it with the packages.
Bare import names are replaced by relative paths; nothing else is changed.
\`vendored.json\` has this table for programs, with the hashes of the packages and of the original files.

| file | package | licence | origin in the package | SHA-256 |
| --- | --- | --- | --- | --- |
${rows.map(cell).join('\n')}
`));

let differs = false;
for (const [name, bytes] of output) {
  const path = join(target, name);
  if (process.argv.includes('--check')) {
    if (!existsSync(path) || !readFileSync(path).equals(bytes)) {
      console.error(`${name} differs from its package`);
      differs = true;
    }
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}
process.exitCode = differs ? 1 : 0;
