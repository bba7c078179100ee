import { useEffect, useRef, useState } from 'preact/hooks';
import { asProblem } from './problem';
import { useQuery, type Query } from './query';
import { toast } from '../ui/toasts';

/** A page of a list. */
export interface Page<T> {
  items: readonly T[];
  next: string | undefined;
}

/** A list that is read page by page. A refresh reads the first page and keeps the others. */
export interface PagedList<T> extends Query<readonly T[]> {
  next: string | undefined;
  busy: boolean;
  more: () => void;
}

/** Reads a list page by page. */
export function useList<T>(
  key: string | null,
  load: (after: string | undefined, signal?: AbortSignal) => Promise<Page<T>>,
  identity: (item: T) => string | number,
  options: { every?: number } = {},
): PagedList<T> {
  const first = useQuery(key, (signal) => load(undefined, signal), options);
  const [rest, setRest] = useState<{ key: string | null; pages: readonly T[]; next: string | undefined } | null>(null);
  const [busy, setBusy] = useState(false);
  const current = useRef(key);
  current.current = key;
  useEffect(() => setRest(null), [key]);
  const next = rest && rest.key === key ? rest.next : first.data?.next;

  const more = async () => {
    setBusy(true);
    try {
      const page = await load(next);
      if (current.current === key) setRest((old) => ({ key, pages: [...(old?.pages ?? []), ...page.items], next: page.next }));
    } catch (error) {
      toast.problem(asProblem(error));
    }
    setBusy(false);
  };

  let data: readonly T[] | undefined = first.data?.items;
  if (data && rest?.key === key && rest.pages.length > 0) {
    const seen = new Set(data.map(identity));
    data = [...data, ...rest.pages.filter((item) => !seen.has(identity(item)))];
  }
  return { ...first, data, next, busy, more: () => void more(), set: () => undefined };
}
