import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Api } from '../../api/client';
import { isAdmin } from '../../api/session';
import { mebibytes } from '../../lib/language';
import { address, go, query, setQuery } from '../../lib/router';
import { chosenInView } from '../../lib/rows';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { Field, Select } from '../../ui/form';
import { Empty, PageHead } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { WindowedTable, type Column } from '../../ui/window';
import { VM_STATES, VmState, vmWord } from '../../words';
import { useMachines, type Filters } from './all';
import { text } from './messages';
import { found, rowsOf, type Row } from './order';
import { POWER, power, powerBlocked, remove } from './power';
import './page.css';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Returns the filters of the address that the server can apply. */
function filtersOfAddress(): Filters {
  const filters: Filters = {};
  if (VM_STATES.includes(query('status') as Api['VmStatus'])) filters.status = query('status');
  for (const key of ['group_name', 'user', 'request'] as const) if (NAME.test(query(key))) filters[key] = query(key);
  return filters;
}

export default function Machines() {
  const filters = filtersOfAddress();
  const typed = query('q');
  const sort = query('sort') || 'name';
  const machines = useMachines(filters);
  const rows = useMemo(() => rowsOf(machines.items, sort), [machines.items, sort]);
  const shown = useMemo(() => found(rows, typed), [rows, typed]);
  const filtered = Object.keys(filters).length > 0 || typed !== '';
  const empty = machines.whole && machines.items.length === 0 && !filtered;
  const count = machines.whole
    ? text(shown.length === rows.length ? 'count' : 'filtered', { n: shown.length, all: rows.length })
    : text('reading', { n: rows.length });
  return (
    <>
      <PageHead title={text('title')} lead={<span role="status">{count}</span>}>
        <a class="button button-primary" href={address(['requests', 'new'])}>{text('noneRequest')}</a>
      </PageHead>
      {machines.problem && <ProblemBox problem={machines.problem} retry={machines.reload} />}
      {empty
        ? <Empty title={text('none')} action={<a class="button" href={address(['requests', 'new'])}>{text('noneRequest')}</a>}>{text('noneHow')}</Empty>
        : <List rows={rows} shown={shown} whole={machines.whole} sort={sort} filtered={filtered} reload={machines.reload} />}
    </>
  );
}

function List({ rows, shown, whole, sort, filtered, reload }: {
  rows: readonly Row[];
  shown: readonly Row[];
  whole: boolean;
  sort: string;
  filtered: boolean;
  reload: () => void;
}) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [dropped, setDropped] = useState(0);
  const inView = useMemo(() => chosenInView(chosen, shown), [chosen, shown]);

  // What a filter or a refresh hides is no longer chosen, and that is said.
  useEffect(() => {
    if (inView.length === chosen.size) return;
    setDropped(chosen.size - inView.length);
    setChosen(new Set(inView));
  }, [inView, chosen]);

  const choose = (name: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(name);
    else next.delete(name);
    setDropped(0);
    setChosen(next);
  };
  const all = shown.length > 0 && inView.length === shown.length;
  const columns: Column[] = [
    { key: 'name', title: text('name'), sortable: true },
    { key: 'status', title: text('status'), sortable: true },
    { key: 'ip', title: text('address'), sortable: true, wide: true },
    { key: 'vcpu', title: text('vcpu'), sortable: true, numeric: true, wide: true },
    { key: 'memory', title: text('memory'), sortable: true, numeric: true, wide: true },
    { key: 'group_name', title: text('group'), sortable: true, wide: true },
    { key: 'user', title: text('user'), sortable: true, wide: true },
    { key: 'description', title: text('description'), wide: true },
  ];
  return (
    <>
      <FilterBar filtered={filtered} />
      <Bulk vms={shown.filter((row) => chosen.has(row.name)).map((row) => row.vm)} dropped={dropped}
        clear={() => { setChosen(new Set()); setDropped(0); }} reload={reload} />
      {whole && shown.length === 0
        ? <Empty title={text('noneFit')} action={<Button onClick={clearFilters}>{text('clearFilters')}</Button>}>{text('noneFitHow')}</Empty>
        : (
          <WindowedTable label={text('title')} columns={columns} rows={shown} identity={(row) => row.name} height={42} sort={sort}
            onSort={(to) => setQuery({ sort: to === 'name' ? undefined : to })}
            lead={{
              head: <input type="checkbox" checked={all} aria-label={text('chooseAll', { n: shown.length })}
                onChange={() => { setDropped(0); setChosen(new Set(all ? [] : shown.map((row) => row.name))); }} />,
              cell: ({ name }) => <input type="checkbox" checked={chosen.has(name)} aria-label={text('choose', { name })}
                onChange={(event) => choose(name, event.currentTarget.checked)} />,
            }}
            cells={({ vm }) => [
              <a href={address(['machines', vm.name])} title={vm.name}>{vm.name}</a>,
              <VmState vm={vm} />,
              <span class="mono">{vm.ip ?? shared('none')}</span>,
              vm.vcpu,
              mebibytes(vm.memory),
              vm.group_name ?? shared('none'),
              vm.user,
              <span class="muted" title={vm.description}>{vm.description}</span>,
            ]} />
        )}
      <p class="visually-hidden" aria-live="polite">{rows.length}</p>
    </>
  );
}

function clearFilters(): void {
  setQuery({ q: undefined, status: undefined, group_name: undefined, user: undefined, request: undefined });
}

function FilterBar({ filtered }: { filtered: boolean }) {
  return (
    <div class="filters" role="search">
      <Field label={text('search')} type="search" value={query('q')} placeholder={text('searchHow')} onInput={(q) => setQuery({ q })} />
      <Select label={text('status')} value={query('status')} onChange={(status) => setQuery({ status })}
        options={[['', shared('any')], ...VM_STATES.map((status) => [status, vmWord(status)] as const)]} />
      <Exact filter="group_name" label={text('group')} />
      <Exact filter="user" label={text('user')} />
      <Exact filter="request" label={text('request')} />
      {filtered && <Button kind="plain" onClick={clearFilters}>{text('clearFilters')}</Button>}
    </div>
  );
}

/** A filter that the server applies to a whole name. It takes effect when the person has finished typing. */
function Exact({ filter, label }: { filter: 'group_name' | 'user' | 'request'; label: string }) {
  const current = query(filter);
  const [typed, setTyped] = useState(current);
  useEffect(() => setTyped(current), [current]);
  const wrong = typed !== '' && !NAME.test(typed);
  useEffect(() => {
    if (typed === current || wrong) return undefined;
    const timer = setTimeout(() => setQuery({ [filter]: typed }), 500);
    return () => clearTimeout(timer);
  }, [typed, current, wrong, filter]);
  return (
    <div class="exact">
      <Field label={label} type="search" value={typed} onInput={setTyped} error={wrong ? text('patternHint') : undefined} />
    </div>
  );
}

function Bulk({ vms, dropped, clear, reload }: { vms: readonly Api['Vm'][]; dropped: number; clear: () => void; reload: () => void }) {
  if (vms.length === 0 && dropped === 0) return null;
  return (
    <div class="bulk" role="group" aria-label={text('actions')}>
      <span role="status">
        <strong>{text('chosen', { n: vms.length })}</strong>
        {dropped > 0 && <span class="muted">{` ${text('unchosen', { n: dropped })}`}</span>}
      </span>
      {POWER.filter((action) => action !== 'discard-saved').map((action) => {
        const reasons = vms.map((vm) => powerBlocked(action, vm));
        const blocked = reasons.every(Boolean) ? reasons[0] ?? text(`blocked.${action}`) : undefined;
        return <Button key={action} small blocked={blocked} onClick={() => power(action, vms, reload)}>{text(action)}</Button>;
      })}
      <Button small onClick={() => go(address(['scripts'], { vm: vms.map((vm) => vm.name).join(',') }))}>{text('runScript')}</Button>
      <Button small kind="danger" blocked={!isAdmin() && shared('adminOnly')} onClick={() => remove(vms, reload)}>{text('remove')}</Button>
      <Button small kind="plain" onClick={clear}>{text('clear')}</Button>
    </div>
  );
}
