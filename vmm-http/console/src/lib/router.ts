import { signal } from '@preact/signals';
import { search } from './address';

export { address } from './address';

/** Where the console is: the path and the query of the address. */
export const place = signal({ path: location.pathname, query: new URLSearchParams(location.search) });

function read(): void {
  place.value = { path: location.pathname, query: new URLSearchParams(location.search) };
}

/** Goes to another address of the console. */
export function go(to: string, options: { replace?: boolean } = {}): void {
  if (options.replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  const before = place.value.path;
  read();
  if (before !== place.value.path) {
    scrollTo(0, 0);
    // A screen reader begins at the new page's heading.
    requestAnimationFrame(() => document.getElementById('main')?.focus({ preventScroll: true }));
  }
}

/** Changes parameters of the query in place, without a new entry in the history. An empty value removes one. */
export function setQuery(changes: Record<string, string | undefined>): void {
  const query = { ...Object.fromEntries(place.value.query), ...changes };
  go(place.value.path + search(query), { replace: true });
}

/** Returns a parameter of the query, or an empty text. */
export function query(name: string): string {
  return place.value.query.get(name) ?? '';
}

/** Follows links to the console without loading it again. */
export function startRouter(): void {
  addEventListener('popstate', read);
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) {
      return;
    }
    const link = (event.target as Element | null)?.closest?.('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (link.pathname !== '/' && !link.pathname.startsWith('/console/')) return;
    if (link.getAttribute('href')?.startsWith('#')) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
