import { signal } from '@preact/signals';
import { readCsv, sheetOf, type Sheet } from '../../lib/csv';
import { COLUMNS, columnOf } from './columns';

/** A request that is being written. It outlives the page, so that signing in again loses nothing. */
export interface Draft {
  id: string;
  requester: string;
  description: string;
  sheet: Sheet;
}

/** Returns a draft with an empty sheet. */
export function newDraft(): Draft {
  const now = new Date().toISOString();
  const id = `request-${now.slice(0, 10)}-${now.slice(11, 16).replace(':', '')}`;
  return { id, requester: '', description: '', sheet: { titles: [...COLUMNS], rows: [COLUMNS.map(() => '')] } };
}

/** The draft of this browser tab. */
export const draft = signal<Draft>(newDraft());

/** Makes a sheet out of a CSV. Known titles get their plain names unless they name a unit; blank rows at the end go. */
export function sheetFrom(spec: string): Sheet {
  const rows = readCsv(spec);
  while (rows.length > 1 && rows.at(-1)?.every((cell) => cell.trim() === '')) rows.pop();
  const sheet = sheetOf(rows);
  const titles = sheet.titles.map((title) => (/[(_\s](?:[kmgt]i?b)\)?$/i.test(title) ? title.trim() : columnOf(title)));
  return { titles, rows: sheet.rows.length > 0 ? sheet.rows : [titles.map(() => '')] };
}

/** Says whether a sheet has no text. */
export function isBlank(sheet: Sheet): boolean {
  return sheet.rows.every((row) => row.every((cell) => cell.trim() === ''));
}
