import { api, done, type Api } from '../../api/client';
import { useList } from '../../api/list';
import { address, query, setQuery } from '../../lib/router';
import { text as shared } from '../../messages';
import { Field, Select } from '../../ui/form';
import { Bar, Empty, Loaded, Moment, More, PageHead, Table } from '../../ui/parts';
import { RUN_STATES, RunState, runWord } from '../../words';
import { text } from './messages';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*( [A-Za-z0-9._-]+)*$/;

export default function Runs() {
  const state = RUN_STATES.find((item) => item === query('state'));
  const script = NAME.test(query('script')) ? query('script') : undefined;
  const filters = { ...(state ? { state } : {}), ...(script ? { script } : {}) };
  const list = useList<Api['Run']>(`runs ${JSON.stringify(filters)}`, async (after, signal) => {
    const page = await done(api.GET('/vm/script/run', {
      ...(signal ? { signal } : {}),
      params: { query: { ...filters, limit: 100, ...(after === undefined ? {} : { after }) } },
    }));
    return { items: page.run, next: page.next };
  }, (item) => item.id, { every: 5_000 });
  return (
    <>
      <PageHead title={text('title')} />
      <div class="filters" role="search">
        <Field label={text('script')} type="search" value={query('script')} onInput={(to) => setQuery({ script: to })} />
        <Select label={text('state')} value={state ?? ''} onChange={(to) => setQuery({ state: to })}
          options={[['', shared('any')], ...RUN_STATES.map((item) => [item, runWord(item)] as const)]} />
      </div>
      <Loaded query={list}>
        {(items) => items.length === 0
          ? state || script
            ? <Empty title={text('noneFit')} />
            : <Empty title={text('none')} action={<a class="button" href={address(['scripts'])}>{text('scripts')}</a>}>{text('noneHow')}</Empty>
          : (
            <>
              <Table label={text('title')} head={[text('number'), text('script'), text('version'), text('state'), text('machines'), text('by'), text('started')]}>
                {items.map((run) => (
                  <tr key={run.id}>
                    <td class="tight"><a href={address(['runs', run.id])}>{run.id}</a></td>
                    <td>{run.script}</td>
                    <td>{run.version}</td>
                    <td class="tight"><RunState state={run.state} /></td>
                    <td>
                      {text('ended', { n: run.ended, all: run.machines })}
                      <Bar percent={(run.ended / Math.max(1, run.machines)) * 100} label={run.script} />
                    </td>
                    <td>{run.started_by}</td>
                    <td class="tight"><Moment at={run.created_at} /></td>
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
