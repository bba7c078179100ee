import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { BASE, call, fillSignIn, inaccessible, launch, NAME, open, PATIENCE, signIn, visit } from './browser';

const PAGES = ['/', '/console/machines', '/console/requests', '/console/requests/new', '/console/scripts', '/console/runs',
  '/console/jobs', '/console/catalog', '/console/users', '/console/audit', '/console/account', '/console/files', '/console/schedules', '/console/groups'];

const stamp = Date.now().toString(36);
let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Returns an entry of the catalog that machines can be made from. */
async function someOs(page: Parameters<typeof call>[0]): Promise<string> {
  const { body } = await call(page, 'GET', '/db/os');
  const os = body.os.find((item: { ready: boolean }) => item.ready);
  assert.ok(os, 'the catalog has an entry that is ready');
  return `${os.name}:${os.version}`;
}

test('a wrong password is refused in words, and the right one opens the page that was asked for', async () => {
  const { context, page, seen } = await open(browser);
  await page.goto(`${BASE}/console/account`);
  await page.fill('input[autocomplete=username]', NAME);
  await page.fill('input[autocomplete=current-password]', 'certainly wrong');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[role=alert]');
  assert.match((await page.textContent('[role=alert]')) ?? '', /wrong/);
  await signIn(page, '/console/account');
  assert.equal(new URL(page.url()).pathname, '/console/account');
  assert.equal((await context.cookies()).every((cookie) => cookie.httpOnly && cookie.sameSite === 'Strict'), true);
  assert.equal(await page.evaluate(() => document.cookie), '');
  await page.click('.nav-account button');
  await page.waitForSelector('.sign-in-card');
  assert.equal((await call(page, 'GET', '/db/vm')).status, 401);
  assert.deepEqual(seen.faults, []);
  await context.close();
});

for (const [theme, width] of [['light', 1360], ['dark', 1360], ['light', 360], ['dark', 360]] as const) {
  test(`each page is accessible, keeps the policy and fits, ${theme}, ${width} px`, async () => {
    const { context, page, seen } = await open(browser, { theme, width });
    await signIn(page);
    for (const path of PAGES) {
      await visit(page, path);
      assert.equal(await page.getAttribute('html', 'data-theme'), theme);
      assert.deepEqual(await inaccessible(page), [], path);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `${path} is ${over} px too wide`);
    }
    assert.deepEqual(seen.faults, []);
    await context.close();
  });
}

test('a request is typed into the grid, judged under its cells, submitted, approved by its plan, and made', async () => {
  const { context, page, seen } = await open(browser);
  await signIn(page);
  const os = await someOs(page);
  const name = `con-${stamp}`;
  await visit(page, '/console/requests/new');
  await page.fill('[data-cell="0 0"]', 'Not A Name');
  await page.fill('[data-cell="0 1"]', os);
  await page.waitForSelector('.grid td .field-error');
  assert.equal(await page.getAttribute('[data-cell="0 0"]', 'aria-invalid'), 'true');
  const submit = page.locator('main form button[type=submit]');
  assert.equal(await submit.getAttribute('aria-disabled'), 'true');
  assert.ok(await submit.getAttribute('title'), 'the button says why it cannot be pressed');
  await page.fill('[data-cell="0 0"]', name);
  await page.fill('[data-cell="0 3"]', '128MiB');
  await page.waitForSelector('.grid .status-good, .grid .status-warn');
  await page.waitForSelector('main form button[type=submit]:not([aria-disabled])');
  await submit.click();
  await page.getByRole('button', { name: 'Approve this plan' }).click();
  await page.locator('dialog').getByRole('button', { name: 'Approve this plan' }).click();
  await page.waitForSelector('main [role=progressbar]');
  await page.waitForSelector('h1 .status-good', { timeout: 5 * PATIENCE });
  await page.locator('main table').getByRole('link', { name, exact: true }).last().click();
  await page.waitForURL(`**/console/machines/${name}`);
  await page.waitForSelector('h1 .status');
  assert.equal((await page.textContent('h1'))?.startsWith(name), true);
  assert.deepEqual(await inaccessible(page), []);
  assert.deepEqual(seen.faults, []);
  await context.close();
});

const WORDS = ['<img src=x onerror=RUN>', '<script>RUN</script>', '"><svg onload=RUN>', "'-RUN-'", '{{RUN}}', '${RUN}', 'javascript:RUN',
  '<iframe srcdoc="<script>parent.RUN</script>">', '<a href="javascript:RUN">x</a>', '<b onmouseover=RUN>x</b>', '</td></tr></table><script>RUN</script>',
  '<style>*{display:none}</style>', '<base href=//x>', '<meta http-equiv=refresh content=0>', '<form action=//x><input autofocus onfocus=RUN>',
  '<!--<script>RUN-->', '<math><mtext></mtext><script>RUN</script></math>', '&lt;script&gt;RUN', '<details open ontoggle=RUN>', '\\u003cscript\\u003eRUN'];
const HOSTILE = Array.from({ length: 40 }, (_, index) => `${(WORDS[index % WORDS.length] ?? '').replaceAll('RUN', 'window.ran=1')} ${index}`);

test('40 hostile descriptions are text on every page that shows them', async () => {
  const { context, page, seen } = await open(browser);
  await signIn(page);
  const os = await someOs(page);
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const rows = HOSTILE.map((text, index) => `evil-${stamp}-${index},${os},128MiB,${quoted(text)}`);
  const spec = ['name,os,memory,description', ...rows].join('\n');
  const id = `evil-${stamp}`;
  const made = await call(page, 'POST', '/request-vm', { 'request-vm': [{ id, description: HOSTILE[0], spec }] });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const seenTexts = new Set<string>();
  await visit(page, `/console/machines?request=${id}`);
  await page.waitForFunction(() => document.querySelectorAll('tbody tr:not(.spacer)').length > 10);
  // The table draws the rows in view: scroll through it.
  for (let step = 0; step < 8; step += 1) {
    for (const text of await page.locator('tbody td.col-description').allTextContents()) seenTexts.add(text);
    await page.evaluate(() => document.querySelector('.windowed')?.scrollBy(0, 300));
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  }
  for (const text of HOSTILE) assert.ok(seenTexts.has(text), `${text} is shown as it is`);
  for (const path of [`/console/machines/evil-${stamp}-1`, `/console/requests/${id}`, '/console/requests', '/']) {
    await visit(page, path);
    assert.equal(await page.evaluate(() => (window as any).ran), undefined, path);
    assert.equal(await page.locator('main script, main iframe, main img, main style, main meta, main base').count(), 0, path);
  }
  assert.equal((await call(page, 'POST', `/request-vm/${id}/cancel`)).status, 200);
  assert.deepEqual(seen.faults, []);
  await context.close();
});

test('10,000 machines are filtered by drawing the rows in view alone, and a choice never has hidden rows', async () => {
  const { context, page, seen } = await open(browser);
  await signIn(page);
  const machine = (index: number) => ({
    id: index, user: 'alice', group_name: ['shop', 'ci'][index % 2], name: `vm-${index}`, hostname: `vm-${index}.example`, ip: `10.0.${index >> 8}.${index & 255}`,
    vcpu: 1, memory: 1024, status: 'on', uuid: '', mac: '52:54:00:00:00:00', host_key: '', login: 'vmm', adopted: false, description: `number ${index}`,
    revision: 1, created_at: '2026-01-01T00:00:00Z',
  });
  await page.route('**/db/vm?*', (route) => {
    const from = Number(new URL(route.request().url()).searchParams.get('after') ?? 0);
    const vm = Array.from({ length: 1_000 }, (_, index) => machine(from + index));
    return route.fulfill({ json: from + 1_000 < 10_000 ? { vm, next: String(from + 1_000) } : { vm } });
  });
  await visit(page, '/console/machines');
  await page.waitForFunction(() => document.querySelector('main table')?.getAttribute('aria-rowcount') === '10001');
  assert.ok((await page.locator('tbody tr').count()) < 80, 'only rows in view are drawn');

  await page.check('thead input[type=checkbox]');
  await page.waitForSelector('.bulk');
  const search = page.locator('input[type=search]').first();
  await search.fill('vm-9999');
  await page.waitForFunction(() => document.querySelector('main table')?.getAttribute('aria-rowcount') === '2');
  await page.waitForFunction(() => document.querySelector('.bulk strong')?.textContent?.startsWith('1 '));
  await search.fill('');
  await page.waitForFunction(() => document.querySelector('main table')?.getAttribute('aria-rowcount') === '10001');
  assert.equal(await page.locator('tbody input:checked').count() <= 1, true, 'rows that were hidden are not chosen again');

  // Time of the processor that the page's thread used, so that other programs on a busy computer do not count. It is the time
  // of two frames and of all that the new text needs, which is more than the longest frame. The best of three tries counts.
  const devtools = await context.newCDPSession(page);
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  const used = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics');
    return 1_000 * (metrics.find((metric) => metric.name === 'TaskDuration')?.value ?? Number.NaN);
  };
  const longest: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const times: number[] = [];
    for (const typed of ['n', 'nu', 'number 1', 'number 12', 'vm-77', '']) {
      const start = await used();
      await search.fill(typed);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      times.push((await used()) - start);
    }
    longest.push(Math.max(...times));
  }
  // A figure, and no condition: how long it takes is the computer's.
  console.log(`10,000 machines: the longest filter took ${longest.map(Math.round)} ms of the processor`);
  assert.deepEqual(seen.faults, []);
  await context.close();
});

test('the palette opens by keyboard, goes to a page, and changes colours and language, which stay', async () => {
  const { context, page, seen } = await open(browser);
  await signIn(page);
  const choose = async (typed: string) => {
    await page.keyboard.press('Control+k');
    await page.waitForSelector('.palette input:focus');
    await page.keyboard.type(typed);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.palette', { state: 'detached' });
  };
  await choose('audit');
  await page.waitForURL('**/console/audit');
  await choose('dark');
  assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
  await choose('german');
  assert.equal(await page.getAttribute('html', 'lang'), 'de');
  await page.reload();
  await page.waitForSelector('.layout');
  assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
  assert.equal(await page.textContent('h1'), 'Prüfprotokoll');
  assert.deepEqual(seen.faults, []);
  await context.close();
});

test('a page whose session has ended asks to sign in, and returns to its address', async () => {
  const { context, page, seen } = await open(browser);
  await signIn(page, '/console/jobs?state=done');
  await context.clearCookies();
  await page.selectOption('.filters select', 'failed');
  await page.waitForSelector('.sign-in-card');
  await page.fill('input[autocomplete=username]', NAME);
  await page.fill('input[autocomplete=current-password]', process.env.VMM_PASSWORD ?? '');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.layout');
  assert.equal(new URL(page.url()).search, '?state=failed');
  assert.deepEqual(seen.faults, []);
  await context.close();
});

/** Returns the code that an authenticator app shows so many steps of 30 seconds from now (RFC 6238). */
function totp(secret: string, stepsFromNow: number): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + stepsFromNow));
  const mac = createHmac('sha1', key).update(counter).digest();
  const from = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

test('a second factor is set up with an app, asked for at sign-in, and turned off', async () => {
  const { context, page, seen } = await open(browser);
  await signIn(page, '/console/account');
  const section = page.locator('section', { has: page.getByRole('heading', { name: 'Second factor' }) });
  await section.locator('input[type=password]').fill(process.env.VMM_PASSWORD ?? '');
  await section.getByRole('button', { name: 'Set up' }).click();
  await page.waitForSelector('.qr-code path');
  assert.deepEqual(await inaccessible(page), []);
  const secret = (await section.locator('.secret code').textContent()) ?? '';
  const code = section.locator('input[autocomplete=one-time-code]');
  await code.fill('000000');
  await section.getByRole('button', { name: 'Turn on' }).click();
  await section.locator('.field-error').waitFor();
  await code.fill(totp(secret, 0));
  await section.getByRole('button', { name: 'Turn on' }).click();
  await section.locator('.name-list li').nth(9).waitFor();
  assert.deepEqual(await inaccessible(page), []);
  const recovery = (await section.locator('.name-list li').first().textContent()) ?? '';

  await context.clearCookies();
  await page.goto(`${BASE}/console/account`);
  await fillSignIn(page);
  const asked = page.locator('.sign-in-card input[autocomplete=one-time-code]');
  await asked.waitFor();
  // Each code counts once, and the next one counts already.
  await asked.fill(totp(secret, 1));
  await page.keyboard.press('Enter');
  await page.waitForSelector('.layout');
  await context.clearCookies();
  await page.goto(`${BASE}/console/account`);
  await fillSignIn(page);
  await asked.fill(recovery);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.layout');

  await section.getByRole('button', { name: 'Turn off' }).click();
  await page.locator('dialog').getByRole('button', { name: 'Turn off' }).click();
  await section.getByRole('button', { name: 'Set up' }).waitFor();
  assert.deepEqual(seen.faults, []);
  await context.close();
});
