/** A path with parameters, such as `/console/machines/:name`. */
export interface Match {
  /** The values of the parameters. */
  parameters: Record<string, string>;
}

/** Compares a path with a pattern. A segment that begins with `:` matches any one segment. */
export function match(pattern: string, path: string): Match | null {
  const wanted = pattern.split('/').filter(Boolean);
  const given = path.split('/').filter(Boolean);
  if (wanted.length !== given.length) return null;
  const parameters: Record<string, string> = {};
  for (const [index, segment] of wanted.entries()) {
    const value = given[index] ?? '';
    if (segment.startsWith(':')) {
      try {
        parameters[segment.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (segment !== value) return null;
  }
  return { parameters };
}

/** Builds an address of the console out of segments, each of which is escaped, and a query without its empty values. */
export function address(segments: readonly (string | number)[], query: Record<string, string | undefined> = {}): string {
  const path = ['', 'console', ...segments.map((segment) => encodeURIComponent(segment))].join('/');
  return path + search(query);
}

/** Writes a query, without its empty values. */
export function search(query: Record<string, string | undefined>): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value) parameters.set(key, value);
  const text = parameters.toString();
  return text && `?${text}`;
}
