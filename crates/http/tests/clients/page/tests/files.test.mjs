// The files of the page: libraries with licence and hash, texts that exist, no inline script or style, the weight.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { PAGE } from '../support/files.mjs';

const walk = (folder) => readdirSync(folder).flatMap((name) => (statSync(join(folder, name)).isDirectory() ? walk(join(folder, name)) : [join(folder, name)]));
const files = walk(PAGE).map((path) => relative(PAGE, path));
const read = (name) => readFileSync(join(PAGE, name));

test('each library has its licence, origin, version and hash', () => {
  const table = JSON.parse(read('vendor/vendored.json'));
  const known = new Set(table.map((row) => `vendor/${row.file}`));
  for (const row of table) {
    assert.equal(createHash('sha256').update(read(`vendor/${row.file}`)).digest('hex'), row.sha256, row.file);
    assert.ok(read(`vendor/${row.licence_file}`).length > 100, row.file);
    assert.ok(row.version && row.license && row.origin && row.integrity, row.file);
  }
  const others = files.filter((name) => name.startsWith('vendor/') && !/\.(txt|md|json)$/.test(name) && !known.has(name));
  assert.deepEqual(others, []);
});

test('each text that is used exists', async () => {
  const { default: texts } = await import(join(PAGE, 'js/texts/en.js'));
  const missing = [];
  for (const name of files.filter((each) => each.startsWith('js/') && !each.includes('texts/'))) {
    for (const [, path] of read(name).toString().matchAll(/(?<![\w.])t\.([a-zA-Z]+(?:\.[a-zA-Z]+)+)/g)) {
      let value = texts;
      for (const part of path.split('.')) {
        if (typeof value !== 'object') break;
        value = value[part];
        if (value === undefined) missing.push(`${name}: ${path}`);
      }
    }
  }
  assert.deepEqual(missing, []);
});

test('texts for people stand in the file of texts only', () => {
  const found = [];
  for (const name of files.filter((each) => each.startsWith('js/') && !each.includes('texts/'))) {
    const source = read(name).toString().replaceAll('csr_', '');
    // Text between the tags of a template, and attributes that are read aloud or shown.
    for (const [, text] of source.matchAll(/(?:[a-z"}]|\$\{[^}]*\})>([^<>`$]*)(?:<|\$\{)/g)) if (/[A-Za-z]{3,}/.test(text) && !/[;={}()]/.test(text)) found.push(`${name}: ${text.trim()}`);
    for (const [attribute] of source.matchAll(/\b(?:aria-label|title|placeholder|alt|label|hint)="[^"]*[A-Za-z]{3,}[^"]*"/g)) found.push(`${name}: ${attribute}`);
  }
  assert.deepEqual(found, []);
});

test('nothing turns a text into HTML, and no file has inline scripts or styles', () => {
  for (const name of files.filter((each) => each.startsWith('js/'))) {
    assert.doesNotMatch(read(name).toString(), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|new Function|\sstyle=/, name);
  }
  assert.doesNotMatch(read('index.html').toString(), /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
  assert.doesNotMatch(files.filter((each) => /\.(css|html|js)$/.test(each) && !each.startsWith('vendor/')).map((each) => read(each).toString()).join(), /(src|href)="https?:|url\("?https?:/);
});

test('the first view is under 150 KB compressed', () => {
  const first = new Set(['index.html', 'favicon.svg', 'vendor/source-serif-4-latin.woff2']);
  const visit = (name) => {
    if (first.has(name)) return;
    first.add(name);
    const folder = name.slice(0, name.lastIndexOf('/'));
    for (const [, path] of read(name).toString().matchAll(/^\s*(?:import|export)\b[^;]*?from\s*['"](\.[^'"]+)['"]/gm)) visit(join(folder, path));
    for (const [, path] of read(name).toString().matchAll(/\bfrom\s*["'](\.\/[^"']+)["']/g)) if (files.includes(join(folder, path))) visit(join(folder, path));
  };
  // The views that are imported later are not needed for the first one.
  visit('js/main.js');
  visit('js/workspace.js');
  for (const [, name] of read('index.html').toString().matchAll(/rel="stylesheet" href="([^"]+)"/g)) first.add(name);
  for (const [, name] of read('js/app.js').toString().matchAll(/'(styles\/[^']+)'/g)) first.add(name);
  const sizes = [...first].map((name) => [name, name.endsWith('.woff2') ? read(name).length : gzipSync(read(name), { level: 9 }).length]);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  console.log(`first view: ${first.size} files, ${total} bytes compressed`);
  assert.ok(total < 150_000, JSON.stringify(sizes));
});
