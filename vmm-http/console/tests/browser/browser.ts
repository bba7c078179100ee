// A real Chromium on the console of a server that runs. It needs VMM_URL, VMM_NAME and VMM_PASSWORD of an admin.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

function needed(name: string): string {
  const value = process.env[name];
  assert.ok(value, `the variable ${name} is missing`);
  return value;
}

export const BASE = needed('VMM_URL').replace(/\/$/, '');
export const NAME = needed('VMM_NAME');
const PASSWORD = needed('VMM_PASSWORD');

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How long a condition may take on a slow, busy computer, in milliseconds. */
export const PATIENCE = 60_000;

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.VMM_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
}

/** What a page did that it must not do. */
export interface Seen {
  faults: string[];
}

/** Opens a window and collects what goes wrong in it. */
export async function open(
  browser: Browser,
  look: { theme?: 'light' | 'dark'; width?: number; locale?: string } = {},
): Promise<{ context: BrowserContext; page: Page; seen: Seen }> {
  const context = await browser.newContext({
    viewport: { width: look.width ?? 1360, height: 860 },
    colorScheme: look.theme ?? 'light',
    locale: look.locale ?? 'en-GB',
  });
  context.setDefaultTimeout(PATIENCE);
  const seen: Seen = { faults: [] };
  const page = await context.newPage();
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`CSP ${event.violatedDirective} ${event.blockedURI}`));
  });
  page.on('console', (message) => {
    const text = message.text();
    // The browser notes each answer with an error status by itself; the console shows those to the person.
    if (message.type() === 'error' && !text.startsWith('Failed to load resource')) seen.faults.push(text);
  });
  page.on('pageerror', (error) => seen.faults.push(error.message));
  page.on('dialog', (dialog) => {
    seen.faults.push(`a dialog says ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { context, page, seen };
}

export async function signIn(page: Page, path = '/'): Promise<void> {
  await page.goto(BASE + path);
  await fillSignIn(page);
  await page.waitForSelector('.layout');
}

/** Types the name and the password into the form of the page, and sends them. */
export async function fillSignIn(page: Page): Promise<void> {
  await page.fill('input[autocomplete=username]', NAME);
  await page.fill('input[autocomplete=current-password]', PASSWORD);
  await page.keyboard.press('Enter');
}

/** Goes to a page and waits until it shows what it knows. */
export async function visit(page: Page, path: string): Promise<void> {
  await page.goto(BASE + path);
  await page.waitForSelector('main h1, main .empty');
  await page.waitForFunction(() => !document.querySelector('main .loading'));
}

/** Calls the API as the page does. */
export function call(page: Page, method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
  return page.evaluate(async ([verb, where, sent]) => {
    const init: RequestInit = { method: verb as string, headers: { 'X-Vmm-Console': '1', 'Content-Type': 'application/json' } };
    if (sent !== undefined) init.body = JSON.stringify(sent);
    const response = await fetch(where as string, init);
    return { status: response.status, body: await response.json().catch(() => null) };
  }, [method, path, body]);
}

/** Returns the serious and critical faults of accessibility. */
export async function inaccessible(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await (globalThis as any).axe.run(document, { resultTypes: ['violations'] });
    return violations
      .filter((item: any) => ['serious', 'critical'].includes(item.impact))
      .map((item: any) => `${item.id} ${item.nodes.map((node: any) => node.target.join(' ')).slice(0, 3).join(' | ')}`);
  });
}
