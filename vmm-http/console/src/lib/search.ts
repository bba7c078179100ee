/** Writes a text for comparison: small letters, without marks on them. */
export function plain(value: string): string {
  return value.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

/** Says whether a text has all words that were typed, in any order. */
export function matches(value: string, typed: string): boolean {
  const text = plain(value);
  return words(typed).every((word) => text.includes(word));
}

/** Splits what was typed into words for comparison. */
export function words(typed: string): string[] {
  return plain(typed).split(/\s+/).filter(Boolean);
}
