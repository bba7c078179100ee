import { useRef } from 'preact/hooks';
import type { Api } from '../../api/client';
import { paste, readCsv, type Sheet } from '../../lib/csv';
import { Close } from '../../ui/icons';
import { Verdict } from '../../words';
import { COLUMNS, columnOf } from './columns';
import { text } from './messages';

type Preview = Api['RequestPreview'];

/** The number that a spreadsheet gives to the first row below the titles. */
const FIRST = 2;

/** A table of cells to type into, with what the server says of each cell under it. */
export function Grid({ sheet, preview, onChange }: { sheet: Sheet; preview: Preview | undefined; onChange: (sheet: Sheet) => void }) {
  const table = useRef<HTMLTableElement>(null);
  const columns = sheet.titles.map(columnOf);
  const reasons = new Map<string, string>();
  for (const { row, column, field, reason } of preview?.problems ?? []) {
    const key = row === undefined ? `title ${column ?? field}` : `${row} ${column ?? ''}`;
    reasons.set(key, [reasons.get(key), reason].filter(Boolean).join(' '));
  }
  const verdicts = new Map(preview?.rows.map((row) => [row.row, row]));

  const focus = (row: number, column: number) => {
    const cell = table.current?.querySelector<HTMLInputElement>(`[data-cell="${row} ${column}"]`);
    cell?.focus();
    cell?.select();
  };
  const set = (row: number, column: number, value: string) => {
    const rows = sheet.rows.map((cells, index) => (index === row ? cells.map((cell, place) => (place === column ? value : cell)) : cells));
    onChange({ ...sheet, rows });
  };
  const addRow = () => onChange({ ...sheet, rows: [...sheet.rows, sheet.titles.map(() => '')] });
  const dropRow = (row: number) => {
    const rows = sheet.rows.filter((_, index) => index !== row);
    onChange({ ...sheet, rows: rows.length > 0 ? rows : [sheet.titles.map(() => '')] });
  };
  const dropColumn = (column: number) => {
    const without = (cells: string[]) => cells.filter((_, index) => index !== column);
    onChange({ titles: without(sheet.titles), rows: sheet.rows.map(without) });
  };
  const key = (event: KeyboardEvent, row: number, column: number) => {
    const input = event.currentTarget as HTMLInputElement;
    const atStart = input.selectionStart === 0 && input.selectionEnd === 0;
    const atEnd = input.selectionStart === input.value.length;
    const moves: Record<string, [number, number] | false> = {
      ArrowDown: [row + 1, column],
      ArrowUp: [row - 1, column],
      ArrowLeft: atStart && [row, column - 1],
      ArrowRight: atEnd && [row, column + 1],
      Enter: [event.shiftKey ? row - 1 : row + 1, column],
    };
    const to = moves[event.key];
    if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (event.key === 'Enter' && to[0] === sheet.rows.length) {
      addRow();
      requestAnimationFrame(() => focus(to[0], column));
    } else focus(to[0], to[1]);
  };
  const pasted = (event: ClipboardEvent, row: number, column: number) => {
    const copied = event.clipboardData?.getData('text/plain') ?? '';
    if (!/[\t\n\r]/.test(copied.trimEnd())) return;
    event.preventDefault();
    const cells = readCsv(copied.includes('\t') ? copied : `${copied}`);
    // A block that begins with titles replaces the whole sheet's first rows without them.
    const titles = cells[0]?.map(columnOf) ?? [];
    const begin = titles.length > 1 && titles.every((title) => (COLUMNS as readonly string[]).includes(title)) ? 1 : 0;
    if (begin === 1) {
      const order = columns.map((name) => titles.indexOf(name));
      const sorted = cells.slice(1).map((cell) => order.map((place) => (place < 0 ? '' : cell[place] ?? '')));
      onChange(paste(sheet, row, 0, sorted));
    } else onChange(paste(sheet, row, column, cells));
  };
  return (
    <div class="table-box grid-box">
      <table ref={table} class="grid" aria-label={text('grid')}>
        <thead>
          <tr>
            <th scope="col" class="tight">{text('row')}</th>
            {sheet.titles.map((title, column) => {
              const wrong = reasons.get(`title ${title}`) ?? reasons.get(`title ${columns[column]}`);
              return (
                <th key={column} scope="col" class={`grid-${columns[column]}`}>
                  {title || text('empty')}
                  {(wrong || !(COLUMNS as readonly string[]).includes(columns[column] ?? '')) && (
                    <button type="button" class="icon-button grid-drop" aria-label={text('dropColumn', { name: title })} onClick={() => dropColumn(column)}>
                      <Close />
                    </button>
                  )}
                  {wrong && <p class="field-error">{wrong}</p>}
                </th>
              );
            })}
            <th scope="col" class="tight">{text('verdict')}</th>
          </tr>
        </thead>
        <tbody>
          {sheet.rows.map((cells, row) => {
            const verdict = verdicts.get(row + FIRST);
            const whole = reasons.get(`${row + FIRST} `);
            return (
              <tr key={row}>
                <th scope="row" class="tight">
                  {row + FIRST}
                </th>
                {cells.map((value, column) => {
                  const wrong = reasons.get(`${row + FIRST} ${columns[column]}`) ?? reasons.get(`${row + FIRST} ${sheet.titles[column]}`);
                  const id = `cell-${row}-${column}`;
                  return (
                    <td key={column}>
                      <input value={value} data-cell={`${row} ${column}`} spellcheck={false} autocomplete="off"
                        aria-label={text('cell', { column: sheet.titles[column] ?? '', n: String(row + FIRST) })}
                        aria-invalid={wrong ? 'true' : undefined} aria-describedby={wrong ? id : undefined}
                        onInput={(event) => set(row, column, event.currentTarget.value)}
                        onKeyDown={(event) => key(event, row, column)} onPaste={(event) => pasted(event, row, column)} />
                      {wrong && <p class="field-error" id={id}>{wrong}</p>}
                    </td>
                  );
                })}
                <td class="grid-verdict">
                  <div class="grid-end">
                    <span>{verdict && <Verdict verdict={verdict.verdict} />}</span>
                    <button type="button" class="icon-button" aria-label={text('dropRow', { n: String(row + FIRST) })} onClick={() => dropRow(row)}>
                      <Close />
                    </button>
                  </div>
                  {verdict && verdict.machines > 1 && <p class="hint">{text('machinesOf', { n: verdict.machines })}</p>}
                  {verdict?.warnings.map((warning) => <p key={warning} class="hint">{warning}</p>)}
                  {whole && <p class="field-error">{whole}</p>}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
