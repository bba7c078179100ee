// Rules that hold for all sources of the console.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';

const SOURCES = join(import.meta.dirname, '../../src');

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

const sources = files(SOURCES);
const catalogues = sources.filter((path) => path.endsWith('messages.ts'));

test('both languages have exactly the same keys, and each text names the same values', async () => {
  assert.ok(catalogues.length > 1);
  for (const path of catalogues) {
    const { text } = await import(path);
    const { en, de } = text as { en: Record<string, string>; de: Record<string, string> };
    assert.deepEqual(Object.keys(de), Object.keys(en), `the keys of ${relative(SOURCES, path)}`);
    const names = (line: string) => [...new Set(Array.from(line.matchAll(/\{(\w+)/g), (found) => found[1]))].sort();
    for (const key of Object.keys(en)) {
      assert.deepEqual(names(de[key] ?? ''), names(en[key] ?? ''), `${key} of ${relative(SOURCES, path)}`);
      assert.ok(en[key]?.trim() && de[key]?.trim(), `${key} of ${relative(SOURCES, path)} is empty`);
    }
  }
});

test('each folder of a page has its messages, and each page is a line of the index', () => {
  const index = readFileSync(join(SOURCES, 'pages/index.ts'), 'utf8');
  for (const name of readdirSync(join(SOURCES, 'pages'))) {
    if (!statSync(join(SOURCES, 'pages', name)).isDirectory()) continue;
    const inside = readdirSync(join(SOURCES, 'pages', name));
    for (const needed of ['index.tsx', 'messages.ts', 'page.ts']) assert.ok(inside.includes(needed), `${name}/${needed}`);
    assert.ok(index.includes(`'./${name}/page'`), `${name} is not in pages/index.ts`);
  }
});

/** Attributes whose values people read or hear. */
const READ = new Set(['title', 'label', 'lead', 'hint', 'placeholder', 'alt', 'aria-label', 'blocked', 'action', 'name']);

test('no page has literal text: all that people read is in a catalogue', () => {
  const found: string[] = [];
  for (const path of sources.filter((item) => item.endsWith('.tsx'))) {
    const tree = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true, ts.ScriptKind.TSX);
    const report = (node: ts.Node, value: string) => {
      const { line } = tree.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${relative(SOURCES, path)}:${line + 1}: ${value.trim()}`);
    };
    const visit = (node: ts.Node) => {
      if (ts.isJsxText(node) && /\p{L}/u.test(node.text)) report(node, node.text);
      if (ts.isJsxAttribute(node) && READ.has(node.name.getText()) && node.initializer && ts.isStringLiteral(node.initializer)
        && /\p{L}/u.test(node.initializer.text)) report(node, node.initializer.text);
      ts.forEachChild(node, visit);
    };
    visit(tree);
  }
  assert.deepEqual(found, []);
});

test('what guests say is text: no source makes markup out of it', () => {
  const words = /dangerouslySetInnerHTML|\.(?:inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc/;
  for (const path of sources) assert.doesNotMatch(readFileSync(path, 'utf8'), words, relative(SOURCES, path));
});

test('no markup has an attribute of style or of script, which the content security policy refuses', () => {
  const page = readFileSync(join(SOURCES, '../index.html'), 'utf8');
  assert.doesNotMatch(page, /\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)/);
});

test('each address that the console calls outside its client is an operation of the API', () => {
  const paths = Object.keys(JSON.parse(readFileSync(join(SOURCES, '../../../docs/openapi.json'), 'utf8')).paths);
  const patterns = paths.map((path) => new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`));
  for (const path of sources.filter((item) => /\.tsx?$/.test(item) && !item.endsWith('schema.d.ts'))) {
    const text = readFileSync(path, 'utf8');
    for (const [, called] of text.matchAll(/(?:raw|events)\('[A-Z]+', ['`]([^'`?]+)|follow\(['`]([^'`?]+)/g)) {
      const address = (called ?? '').replace(/\$\{[^}]*\}/g, 'x');
      if (!address) continue;
      assert.ok(patterns.some((pattern) => pattern.test(address)), `${relative(SOURCES, path)} calls ${address}`);
    }
  }
});
