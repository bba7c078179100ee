import { useEffect, useState } from 'preact/hooks';
import { api, asProblem, done, type Api } from '../../api/client';
import type { Problem } from '../../api/problem';

/** How long after the last key the server is asked, in milliseconds. */
const PAUSE = 300;

/** What the server says of a table. */
export interface Previewed {
  /** The newest answer; it stays while the table is checked again. */
  preview: Api['RequestPreview'] | undefined;
  /** The answer is about the table as it is. */
  current: boolean;
  problem: Problem | null;
}

/** Asks the server what it says of a table, when nobody has typed for a moment. The newest question wins. */
export function usePreview(spec: string | null, requester: string): Previewed {
  const key = JSON.stringify([spec, requester]);
  const [state, setState] = useState<{ key: string; preview: Api['RequestPreview'] | undefined; problem: Problem | null }>({
    key: '', preview: undefined, problem: null,
  });
  useEffect(() => {
    if (spec === null) {
      setState({ key, preview: undefined, problem: null });
      return undefined;
    }
    const own = new AbortController();
    const timer = setTimeout(() => {
      const body = requester ? { spec, requester } : { spec };
      done(api.POST('/request-vm/preview', { signal: own.signal, body })).then(
        (preview) => own.signal.aborted || setState({ key, preview, problem: null }),
        (error: unknown) => own.signal.aborted || setState((old) => ({ key, preview: old.preview, problem: asProblem(error) })),
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      own.abort();
    };
  }, [key, spec, requester]);
  return { preview: state.preview, current: state.key === key, problem: state.problem };
}
