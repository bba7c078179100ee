import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { asProblem, type Problem } from './problem';
import { toast } from '../ui/toasts';

/** What is known of something that the server was asked for. */
export interface Query<T> {
  /** The newest answer. It stays while it is refreshed. */
  data: T | undefined;
  problem: Problem | null;
  loading: boolean;
  /** Asks again. */
  reload: () => Promise<void>;
  /** Replaces the answer with one that is known otherwise. */
  set: (data: T) => void;
}

/**
 * Asks the server, and again every `every` milliseconds while the page is visible.
 *
 * Another `key` is another question: its answer replaces the data. A `null` key asks nothing.
 */
export function useQuery<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  options: { every?: number } = {},
): Query<T> {
  const [state, setState] = useState<{ key: string | null; data: T | undefined; problem: Problem | null; loading: boolean }>({
    key,
    data: undefined,
    problem: null,
    loading: key !== null,
  });
  const latest = useRef(load);
  latest.current = load;
  const controller = useRef<AbortController | null>(null);

  const run = useCallback(async () => {
    if (key === null) return;
    controller.current?.abort();
    const own = new AbortController();
    controller.current = own;
    setState((old) => (old.key === key ? { ...old, loading: true } : { key, data: undefined, problem: null, loading: true }));
    try {
      const data = await latest.current(own.signal);
      if (!own.signal.aborted) setState({ key, data, problem: null, loading: false });
    } catch (error) {
      if (own.signal.aborted) return;
      setState((old) => ({ key, data: old.key === key ? old.data : undefined, problem: asProblem(error), loading: false }));
    }
  }, [key]);

  useEffect(() => {
    void run();
    return () => controller.current?.abort();
  }, [run]);

  const { every } = options;
  useEffect(() => {
    if (!every || key === null) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void run();
    }, every);
    const visible = () => {
      if (document.visibilityState === 'visible') void run();
    };
    document.addEventListener('visibilitychange', visible);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', visible);
    };
  }, [every, key, run]);

  const set = useCallback((data: T) => setState({ key, data, problem: null, loading: false }), [key]);
  const known = state.key === key;
  return {
    data: known ? state.data : undefined,
    problem: known ? state.problem : null,
    loading: known ? state.loading : key !== null,
    reload: run,
    set,
  };
}

/** A thing that a person does: it can be under way, and it can fail. */
export interface Action<Arguments extends unknown[]> {
  busy: boolean;
  problem: Problem | null;
  /** Does it. Returns whether it succeeded. */
  run: (...values: Arguments) => Promise<boolean>;
  clear: () => void;
}

/** Wraps a call that changes something. A problem is kept, and shown as a message unless `quiet`. */
export function useAction<Arguments extends unknown[]>(
  act: (...values: Arguments) => Promise<unknown>,
  options: { quiet?: boolean } = {},
): Action<Arguments> {
  const [state, setState] = useState<{ busy: boolean; problem: Problem | null }>({ busy: false, problem: null });
  const latest = useRef(act);
  latest.current = act;
  const { quiet } = options;
  const run = useCallback(
    async (...values: Arguments) => {
      setState({ busy: true, problem: null });
      try {
        await latest.current(...values);
        setState({ busy: false, problem: null });
        return true;
      } catch (error) {
        const problem = asProblem(error);
        setState({ busy: false, problem });
        if (!quiet) toast.problem(problem);
        return false;
      }
    },
    [quiet],
  );
  const clear = useCallback(() => setState({ busy: false, problem: null }), []);
  return { ...state, run, clear };
}
