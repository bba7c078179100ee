import { api, done, type Api } from '../../api/client';
import { useList } from '../../api/list';
import { useAction } from '../../api/query';
import { writeCsv } from '../../lib/csv';
import { moment } from '../../lib/language';
import { query, setQuery } from '../../lib/router';
import { saveContent } from '../../lib/save';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { Field, Select } from '../../ui/form';
import { Empty, Loaded, More, PageHead, Table } from '../../ui/parts';
import { OUTCOMES, Outcome, outcomeWord } from '../../words';
import { text } from './messages';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** The most rows that are saved in one file. */
const SAVED = 20_000;

/** Returns the filters of the address that the server can apply. */
function filters() {
  const outcome = OUTCOMES.find((item) => item === query('outcome'));
  const at = (name: string) => (query(name) && !Number.isNaN(Date.parse(query(name))) ? new Date(query(name)).toISOString() : undefined);
  const all = {
    user: NAME.test(query('user')) ? query('user') : undefined,
    action: query('action') || undefined,
    target: query('target') || undefined,
    outcome,
    from: at('from'),
    to: at('to'),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const read = (query: object, after: string | undefined, limit: number, signal?: AbortSignal) =>
  done(api.GET('/audit', {
    ...(signal ? { signal } : {}),
    params: { query: { ...query, limit, ...(after === undefined ? {} : { after }) } },
  }));

/** A cell that a spreadsheet does not take for a formula. */
const harmless = (value: string) => (/^[=+\-@\t\r]/.test(value) ? `'${value}` : value);

export default function Audit() {
  const wanted = filters();
  const list = useList<Api['AuditRow']>(`audit ${JSON.stringify(wanted)}`, async (after, signal) => {
    const page = await read(wanted, after, 100, signal);
    return { items: page.audit, next: page.next };
  }, (item) => item.id, { every: 15_000 });
  const save = useAction(async () => {
    const rows: string[][] = [['at', 'actor', 'action', 'target', 'outcome', 'detail']];
    let after: string | undefined;
    do {
      const page = await read(wanted, after, 1_000);
      rows.push(...page.audit.map((row) => [row.at, row.actor, row.action, row.target, row.outcome, row.detail].map(harmless)));
      after = page.next;
    } while (after !== undefined && rows.length < SAVED);
    saveContent(new Blob([writeCsv(rows)], { type: 'text/csv' }), 'audit.csv');
  });
  return (
    <>
      <PageHead title={text('title')}><Button busy={save.busy} onClick={() => void save.run()}>{text('save')}</Button></PageHead>
      <div class="filters" role="search">
        <Field label={text('user')} type="search" value={query('user')} onInput={(user) => setQuery({ user })} />
        <Field label={text('action')} type="search" value={query('action')} placeholder={text('actionHow')} onInput={(action) => setQuery({ action })} />
        <Field label={text('target')} type="search" value={query('target')} placeholder={text('targetHow')} onInput={(target) => setQuery({ target })} />
        <Select label={text('outcome')} value={query('outcome')} onChange={(outcome) => setQuery({ outcome })}
          options={[['', shared('any')], ...OUTCOMES.map((item) => [item, outcomeWord(item)] as const)]} />
        <Field label={text('from')} type="datetime-local" value={query('from')} onInput={(from) => setQuery({ from })} />
        <Field label={text('to')} type="datetime-local" value={query('to')} onInput={(to) => setQuery({ to })} />
      </div>
      <Loaded query={list}>
        {(items) => items.length === 0 ? <Empty title={text('none')}>{text('noneHow')}</Empty> : (
          <>
            <Table label={text('title')} head={[text('when'), text('who'), text('what'), text('about'), text('outcome'), text('detail')]}>
              {items.map((row) => (
                <tr key={row.id}>
                  <td class="tight">{moment(row.at)}</td>
                  <td>{row.actor}</td>
                  <td class="nowrap">{row.action}</td>
                  <td>{row.target}</td>
                  <td class="tight"><Outcome outcome={row.outcome} /></td>
                  <td class="muted">{row.detail}</td>
                </tr>
              ))}
            </Table>
            <More list={list} />
          </>
        )}
      </Loaded>
    </>
  );
}
