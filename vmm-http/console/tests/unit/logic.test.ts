import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problem, problemOf } from '../../src/api/problem';
import { EventParser } from '../../src/api/sse';
import { address, match, search } from '../../src/lib/address';
import { bytes, compare, duration, fill, relative } from '../../src/lib/language';
import { matches } from '../../src/lib/search';

test('events are read however the stream is cut', () => {
  const stream = ': hello\r\nevent: job\r\nid: 7\r\ndata: {"a":1}\r\n\r\ndata: one\ndata: two\n\n';
  const whole = [
    { event: 'job', data: '{"a":1}', id: '7' },
    { event: 'message', data: 'one\ntwo', id: '7' },
  ];
  for (let cut = 1; cut < stream.length; cut += 1) {
    const parser = new EventParser();
    assert.deepEqual([...parser.push(stream.slice(0, cut)), ...parser.push(stream.slice(cut))], whole);
  }
  const parser = new EventParser();
  assert.deepEqual([...stream].flatMap((letter) => parser.push(letter)), whole);
});

test('a path is matched by segments, and a hostile one matches nothing', () => {
  assert.deepEqual(match('/console/machines/:name', '/console/machines/web-1'), { parameters: { name: 'web-1' } });
  assert.deepEqual(match('/console/scripts/:name', '/console/scripts/a%20b%2Fc'), { parameters: { name: 'a b/c' } });
  assert.equal(match('/console/machines/:name', '/console/machines'), null);
  assert.equal(match('/console/machines/:name', '/console/machines/%E0%A4%A'), null);
  assert.deepEqual(match('/', '/'), { parameters: {} });
});

test('an address escapes its segments and leaves empty values out', () => {
  assert.equal(address(['scripts', 'a b/c?']), '/console/scripts/a%20b%2Fc%3F');
  assert.equal(address(['machines'], { q: 'ä&b', status: '' }), '/console/machines?q=%C3%A4%26b');
  assert.equal(search({}), '');
});

test('texts are filled with values and with the right word for a number', () => {
  assert.equal(fill('{n} {n|machine|machines} of {who}', { n: 1, who: 'a' }), '1 machine of a');
  assert.equal(fill('{n} {n|machine|machines} of {who}', { n: 3, who: '{n}' }), '3 machines of {n}');
  assert.equal(fill('{unknown}', {}), '{unknown}');
});

test('sizes and lengths of time have units', () => {
  assert.equal(bytes(0), '0 B');
  assert.equal(bytes(1536), '1.5 KiB');
  assert.equal(bytes(20 * 1024 ** 3), '20 GiB');
  assert.equal(duration(0), '0s');
  assert.equal(duration(93_784), '1d 2h');
  assert.equal(relative('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:05:00Z')), '5 min ago');
});

test('names are sorted as people sort them', () => {
  assert.deepEqual(['web-10', 'web-2', 'db-1'].sort(compare), ['db-1', 'web-2', 'web-10']);
});

test('search finds all words in any order and ignores marks', () => {
  assert.ok(matches('Übersicht der Maschinen', 'masch uber'));
  assert.ok(!matches('Machines', 'machines x'));
  assert.ok(matches('anything', '  '));
});

test('a problem knows its kind, its fields and how long to wait', () => {
  const body = { type: 'urn:vmm:problem:too-many', title: 'Too many', detail: 'Wait.', problems: [{ field: 'user[0].name', reason: 'taken' }] };
  const problem = problemOf(new Response(null, { status: 429, headers: { 'Retry-After': '12' } }), body);
  assert.equal(problem.kind, 'too-many');
  assert.equal(problem.retryAfter, 12);
  assert.equal(problem.field('name'), 'taken');
  assert.equal(problemOf(new Response(null, { status: 502 }), '<html>').message, 'HTTP 502');
  assert.ok(problem instanceof Problem);
});
