import { signal } from '@preact/signals';

/** The languages of the console. */
export type Language = 'en' | 'de';

const stored = typeof document === 'undefined' ? 'en' : document.documentElement.lang;

/** The language that texts appear in. */
export const language = signal<Language>(stored === 'de' ? 'de' : 'en');

/** Switches the language and remembers it in this browser. */
export function setLanguage(to: Language): void {
  language.value = to;
  document.documentElement.lang = to;
  remember('vmm.language', to);
}

/** Stores a setting of this browser. A browser without storage forgets it at the next load. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing depends on it.
  }
}

/** What a message can name in braces. */
export type Values = Record<string, string | number>;

/** A function that returns the text of a key in the present language. */
export type Texts<Key extends string> = ((key: Key, values?: Values) => string) & {
  readonly en: Readonly<Record<Key, string>>;
  readonly de: Readonly<Record<Key, string>>;
};

/**
 * Makes a catalogue out of the texts of each language.
 *
 * `{name}` stands for a value, and `{n|machine|machines}` for the first word if `n` is 1, or else the second.
 */
export function catalogue<const En extends Record<string, string>>(
  en: En,
  de: Record<keyof En & string, string>,
): Texts<keyof En & string> {
  const all = { en: en as Record<string, string>, de: de as Record<string, string> };
  const text = (key: string, values: Values = {}) => fill(all[language.value][key] ?? key, values);
  return Object.assign(text, all) as Texts<keyof En & string>;
}

/** Puts values into a text. */
export function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g, (whole, name: string, one?: string, many?: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    if (one !== undefined && many !== undefined) return Number(value) === 1 ? one : many;
    return typeof value === 'number' ? number(value) : value;
  });
}

const locale = () => (language.value === 'de' ? 'de-DE' : 'en-GB');

/** Formats a number, with at most one digit after the point. */
export function number(value: number, digits = 1): string {
  // Making a formatter costs more than the drawing of a cell.
  const key = `${locale()} ${digits}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.NumberFormat(locale(), { maximumFractionDigits: digits });
    formats.set(key, format);
  }
  return format.format(value);
}

const formats = new Map<string, Intl.NumberFormat>();

/** Formats a number of MiB with the largest unit that keeps it at or above 1. */
export function mebibytes(value: number): string {
  return bytes(value * 1024 * 1024);
}

/** Formats a number of bytes with the largest unit that keeps it at or above 1. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${number(rest)} ${units[unit]}`;
}

/** Formats a moment in this browser's time zone. */
export function moment(at: string | Date): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(at));
}

/** Formats a length of time in seconds by its two largest units. */
export function duration(seconds: number): string {
  const parts: string[] = [];
  let rest = Math.max(0, Math.round(seconds));
  for (const [unit, size] of [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]] as const) {
    const count = Math.floor(rest / size);
    if (count > 0 && parts.length < 2) {
      parts.push(
        new Intl.NumberFormat(locale(), { style: 'unit', unit, unitDisplay: 'narrow' }).format(count),
      );
      rest -= count * size;
    } else if (parts.length > 0) break;
  }
  return parts.join(' ') || new Intl.NumberFormat(locale(), { style: 'unit', unit: 'second', unitDisplay: 'narrow' }).format(0);
}

/** Says how far a moment is from now: "3 min ago", "in 2 hr". */
export function relative(at: string | Date, now = Date.now()): string {
  const seconds = Math.round((new Date(at).getTime() - now) / 1000);
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto', style: 'short' });
  for (const [unit, size] of [['day', 86_400], ['hour', 3_600], ['minute', 60]] as const) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return format.format(seconds, 'second');
}

/** Compares two texts as a person sorts them: web-2 before web-10. */
export function compare(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
