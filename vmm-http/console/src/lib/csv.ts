/** A table of text: its titles and its rows, each of which has a cell for each title. */
export interface Sheet {
  titles: string[];
  rows: string[][];
}

/** Reads CSV. The separator is the one of comma, semicolon, tab and bar that the first line has most of. */
export function readCsv(text: string): string[][] {
  const source = text.replace(/^\uFEFF/, '');
  const separator = separatorOf(source);
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    rows.push(row);
    row = [];
    cell = '';
  };
  for (let index = 0; index < source.length; index += 1) {
    const letter = source[index] ?? '';
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (source[index + 1] === '"') {
        cell += '"';
        index += 1;
      } else quoted = false;
    } else if (letter === '"' && cell === '') quoted = true;
    else if (letter === separator) {
      row.push(cell);
      cell = '';
    } else if (letter === '\n' || letter === '\r') {
      if (letter === '\r' && source[index + 1] === '\n') index += 1;
      endRow();
    } else cell += letter;
  }
  if (cell !== '' || row.length > 0) endRow();
  return rows;
}

function separatorOf(text: string): string {
  const first = text.slice(0, text.search(/\r|\n|$/));
  let best = ',';
  for (const separator of [',', ';', '\t', '|']) {
    if (first.split(separator).length > first.split(best).length) best = separator;
  }
  return best;
}

/** Writes CSV with commas, as RFC 4180 has it. */
export function writeCsv(rows: readonly (readonly string[])[]): string {
  const cell = (value: string) => (/[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  // A row without any text is a line of separators, so that rows keep their numbers.
  return rows.map((row) => `${row.map(cell).join(',')}\n`).join('');
}

/** Makes a sheet out of rows: the first has the titles, and all others get as many cells. */
export function sheetOf(rows: readonly (readonly string[])[]): Sheet {
  const width = Math.max(1, ...rows.map((row) => row.length));
  const [titles = [], ...rest] = rows.map((row) => [...row, ...Array<string>(width - row.length).fill('')]);
  return { titles, rows: rest };
}

/** Puts copied cells into a sheet, from a cell on to the right and down. Rows are added as needed. */
export function paste(sheet: Sheet, row: number, column: number, copied: readonly (readonly string[])[]): Sheet {
  const rows = sheet.rows.map((cells) => [...cells]);
  for (const [down, cells] of copied.entries()) {
    while (rows.length <= row + down) rows.push(sheet.titles.map(() => ''));
    const target = rows[row + down];
    for (const [right, value] of cells.entries()) {
      if (target && column + right < sheet.titles.length) target[column + right] = value.trim();
    }
  }
  return { titles: sheet.titles, rows };
}
