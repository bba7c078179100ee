import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paste, readCsv, sheetOf, writeCsv } from '../../src/lib/csv';
import { diffLines } from '../../src/lib/diff';
import { chosenInView, eachOf, visibleRows } from '../../src/lib/rows';
import { found, rowsOf } from '../../src/pages/machines/order';
import { columnOf } from '../../src/pages/requests/columns';

test('a table is read as it was written, with quotes, separators and line ends in its cells', () => {
  const rows = [['name', 'description'], ['web-1', 'says "hi", twice\nand more'], ['', ''], [' a ', 'b;c|d']];
  assert.deepEqual(readCsv(writeCsv(rows)), rows);
  assert.deepEqual(readCsv('\uFEFFname;disk\r\nweb;"20;100"\r\n'), [['name', 'disk'], ['web', '20;100']]);
  assert.deepEqual(readCsv('a\tb\n1\t2'), [['a', 'b'], ['1', '2']]);
});

test('a pasted block goes right and down from its cell, adds rows, and never leaves the table', () => {
  const sheet = sheetOf([['name', 'os'], ['web', '']]);
  assert.deepEqual(paste(sheet, 0, 1, [['debian', 'lost'], ['alpine']]).rows, [['web', 'debian'], ['', 'alpine']]);
});

test('titles of spreadsheets are known, with their units', () => {
  assert.equal(columnOf('RAM (GB)'), 'memory');
  assert.equal(columnOf('disk_gib'), 'disk');
  assert.equal(columnOf(' VM Name '), 'name');
  assert.equal(columnOf('group_name'), 'group_name');
  assert.equal(columnOf('colour'), 'colour');
});

test('only rows in view are drawn, also at the ends of a list', () => {
  assert.deepEqual(visibleRows(0, 400, 40, 10_000), { from: 0, to: 18 });
  assert.deepEqual(visibleRows(399_600, 400, 40, 10_000), { from: 9_982, to: 10_000 });
  assert.deepEqual(visibleRows(400_000, 400, 40, 3), { from: 2, to: 3 });
  assert.deepEqual(visibleRows(0, 400, 40, 0), { from: 0, to: 0 });
});

test('a choice never has a row that is hidden', () => {
  assert.deepEqual(chosenInView(new Set(['a', 'b', 'gone']), [{ name: 'b' }, { name: 'c' }]), ['b']);
});

test('a failure of one item does not keep the others from being done', async () => {
  const seen: number[] = [];
  const failures = await eachOf([1, 2, 3, 4, 5], 2, async (item) => {
    seen.push(item);
    if (item % 2 === 0) throw new Error(`no ${item}`);
  });
  assert.deepEqual(seen.sort(), [1, 2, 3, 4, 5]);
  assert.deepEqual([...failures.keys()].sort(), [2, 4]);
});

test('machines are found by all words in any of their fields, and sorted by any column', () => {
  const vm = (name: string, memory: number, description = '') => ({ name, memory, description, hostname: name, user: 'alice', status: 'on' });
  const rows = rowsOf([vm('web-10', 1), vm('web-2', 4, 'Für den Shop'), vm('db', 2)] as never, 'name');
  assert.deepEqual(rows.map((row) => row.name), ['db', 'web-2', 'web-10']);
  assert.deepEqual(found(rows, 'shop web').map((row) => row.name), ['web-2']);
  const by = rowsOf(rows.map((row) => row.vm), '-memory');
  assert.deepEqual(by.map((row) => row.name), ['web-2', 'db', 'web-10']);
});

test('a comparison of texts applied to the first gives the second', () => {
  const pairs = [['', ''], ['a\nb\nc', 'a\nx\nc'], ['a', ''], ['1\n2\n3\n4', '2\n3\n5\n4\n6'], ['x\ny', 'y\nx']];
  for (const [before = '', after = ''] of pairs) {
    const lines = diffLines(before, after);
    const side = (kind: string) => lines.filter((line) => line.kind === 'same' || line.kind === kind).map((line) => line.line).join('\n');
    assert.equal(side('removed'), before);
    assert.equal(side('added'), after);
  }
});
