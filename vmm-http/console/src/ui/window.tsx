import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { visibleRows } from '../lib/rows';

/** A column of a table: its key, its heading, and how it looks. */
export interface Column {
  key: string;
  title: string;
  numeric?: boolean;
  /** Hidden in narrow windows. */
  wide?: boolean;
  sortable?: boolean;
}

/**
 * A table that draws only the rows in view, so that ten thousand rows cost as much as fifty.
 *
 * Rows keep their places when data is refreshed, and the table keeps its scroll position.
 */
export function WindowedTable<T>({ label, columns, rows, identity, height, cells, sort, onSort, lead }: {
  label: string;
  columns: readonly Column[];
  rows: readonly T[];
  identity: (row: T) => string | number;
  /** The height of a row in pixels. */
  height: number;
  cells: (row: T) => readonly ComponentChildren[];
  sort: string;
  onSort: (sort: string) => void;
  /** The heading and the cells before the columns, for boxes to tick. */
  lead?: { head: ComponentChildren; cell: (row: T) => ComponentChildren };
}) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const measure = () => setView((old) => {
      const now = { top: element.scrollTop, height: element.clientHeight };
      return old.top === now.top && old.height === now.height ? old : now;
    });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, []);
  const { from, to } = visibleRows(view.top, view.height, height, rows.length);
  const width = columns.length + (lead ? 1 : 0);
  const spacer = (count: number) => count > 0 && (
    <tr aria-hidden="true" class="spacer"><td colSpan={width} style={{ height: `${count * height}px` }} /></tr>
  );
  return (
    <div class="table-box windowed" ref={box} tabIndex={0} role="region" aria-label={label}>
      <table aria-rowcount={rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {lead && <th scope="col" class="tight">{lead.head}</th>}
            {columns.map((column) => <Head key={column.key} column={column} sort={sort} onSort={onSort} />)}
          </tr>
        </thead>
        <tbody>
          {spacer(from)}
          {rows.slice(from, to).map((row, index) => (
            <tr key={identity(row)} aria-rowindex={from + index + 2} style={{ height: `${height}px` }}>
              {lead && <td class="tight">{lead.cell(row)}</td>}
              {cells(row).map((cell, position) => {
                const column = columns[position];
                return <td key={column?.key} class={names(column)}>{cell}</td>;
              })}
            </tr>
          ))}
          {spacer(rows.length - to)}
        </tbody>
      </table>
    </div>
  );
}

function names(column: Column | undefined): string {
  return [column?.numeric && 'num', column?.wide && 'hide-narrow', column && `col-${column.key}`].filter(Boolean).join(' ');
}

function Head({ column, sort, onSort }: { column: Column; sort: string; onSort: (sort: string) => void }) {
  const order = sort === column.key ? 'ascending' : sort === `-${column.key}` ? 'descending' : undefined;
  return (
    <th scope="col" class={names(column)} aria-sort={order}>
      {column.sortable
        ? (
          <button type="button" class="sort" onClick={() => onSort(order === 'ascending' ? `-${column.key}` : column.key)}>
            {column.title}<span aria-hidden="true">{order === 'ascending' ? '↑' : order === 'descending' ? '↓' : ''}</span>
          </button>
        )
        : column.title}
    </th>
  );
}
