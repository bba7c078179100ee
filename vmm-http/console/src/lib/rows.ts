/** How many rows are drawn above and below the view. */
const MARGIN = 8;

/** Returns which rows of a table are drawn: from the first to before the last. */
export function visibleRows(top: number, height: number, row: number, count: number): { from: number; to: number } {
  const first = Math.floor(top / row) - MARGIN;
  const from = Math.max(0, Math.min(first, count - 1));
  const to = Math.min(count, Math.ceil((top + height) / row) + MARGIN);
  return { from, to: Math.max(to, from) };
}

/** Returns the chosen names that are in view. Nothing that is hidden can be acted on. */
export function chosenInView(chosen: ReadonlySet<string>, rows: readonly { name: string }[]): string[] {
  return rows.filter((row) => chosen.has(row.name)).map((row) => row.name);
}

/** Runs a call for each item, at most `width` at a time, and returns the failures by item. */
export async function eachOf<T>(items: readonly T[], width: number, call: (item: T) => Promise<unknown>): Promise<Map<T, unknown>> {
  const failures = new Map<T, unknown>();
  const rest = [...items];
  const work = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
      try {
        await call(item);
      } catch (error) {
        failures.set(item, error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, work));
  return failures;
}
