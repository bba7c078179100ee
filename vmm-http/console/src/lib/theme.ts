import { signal } from '@preact/signals';
import { remember } from './language';

/** What a person can choose: colours of their own, or those of the system. */
export type Theme = 'light' | 'dark' | 'system';

function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem('vmm.theme');
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  } catch {
    return 'system';
  }
}

/** The chosen theme. */
export const theme = signal<Theme>(storedTheme());

/** The colours that are shown. */
export const shown = signal<'light' | 'dark'>(document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light');

const system = matchMedia('(prefers-color-scheme: dark)');

function show(): void {
  const dark = theme.value === 'dark' || (theme.value === 'system' && system.matches);
  shown.value = dark ? 'dark' : 'light';
  document.documentElement.dataset.theme = shown.value;
}

system.addEventListener('change', show);

/** Switches the theme and remembers it in this browser. */
export function setTheme(to: Theme): void {
  theme.value = to;
  remember('vmm.theme', to);
  show();
}
