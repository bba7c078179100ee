import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { api, done, type Api } from '../../api/client';
import { asProblem, type Problem } from '../../api/problem';

/** How many machines a page of the server has. */
const PAGE = 1_000;

/** The filters that the server applies. */
export type Filters = Partial<Record<'status' | 'group_name' | 'user' | 'request', string>>;

/** All machines that fit the server's filters, as far as they are read. */
export interface Machines {
  items: readonly Api['Vm'][];
  /** All pages are read. */
  whole: boolean;
  problem: Problem | null;
  reload: () => void;
}

/**
 * Reads all machines page by page, and shows each page as it comes.
 *
 * A refresh shows nothing before its last page is there, so that no row disappears meanwhile.
 */
export function useMachines(filters: Filters): Machines {
  const key = JSON.stringify(filters);
  const [state, setState] = useState<{ key: string } & Omit<Machines, 'reload'>>({ key, items: [], whole: false, problem: null });
  const running = useRef<AbortController | null>(null);

  const read = useCallback(async (first: boolean) => {
    running.current?.abort();
    const own = new AbortController();
    running.current = own;
    if (first) setState({ key, items: [], whole: false, problem: null });
    const items: Api['Vm'][] = [];
    let after: string | undefined;
    try {
      do {
        const query = { ...(JSON.parse(key) as Filters), limit: PAGE, ...(after === undefined ? {} : { after }) };
        const page = await done(api.GET('/db/vm', { signal: own.signal, params: { query: query as object } }));
        if (own.signal.aborted) return;
        items.push(...page.vm);
        after = page.next;
        if (first && after !== undefined) setState({ key, items: [...items], whole: false, problem: null });
      } while (after !== undefined);
      setState({ key, items, whole: true, problem: null });
    } catch (error) {
      if (!own.signal.aborted) setState((old) => ({ ...old, problem: asProblem(error) }));
    }
  }, [key]);

  useEffect(() => {
    void read(true);
    return () => running.current?.abort();
  }, [read]);

  // Many machines are read again less often.
  const every = state.items.length > PAGE ? 60_000 : 10_000;
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void read(false);
    }, every);
    return () => clearInterval(timer);
  }, [read, every]);

  const reload = useCallback(() => void read(false), [read]);
  const known = state.key === key;
  return { items: known ? state.items : [], whole: known && state.whole, problem: known ? state.problem : null, reload };
}
