/** Splits what was typed into names of machines and groups. */
export function namesOf(typed: string): string[] {
  return typed.split(/[\s,;]+/).filter(Boolean);
}
