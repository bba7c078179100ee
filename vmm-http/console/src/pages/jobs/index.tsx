import { api, done, type Api } from '../../api/client';
import { useList } from '../../api/list';
import { address, query, setQuery } from '../../lib/router';
import { text as shared } from '../../messages';
import { Field, Select } from '../../ui/form';
import { Bar, Empty, Loaded, Moment, More, PageHead, Table } from '../../ui/parts';
import { JOB_STATES, JobState, jobTone, jobWord } from '../../words';
import { text } from './messages';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export default function Jobs() {
  const state = JOB_STATES.find((item) => item === query('state'));
  const request = NAME.test(query('request')) ? query('request') : undefined;
  const filters = { ...(state ? { state } : {}), ...(request ? { request } : {}) };
  const list = useList<Api['Job']>(`jobs ${JSON.stringify(filters)}`, async (after, signal) => {
    const page = await done(api.GET('/job', {
      ...(signal ? { signal } : {}),
      params: { query: { ...filters, limit: 100, ...(after === undefined ? {} : { after }) } },
    }));
    return { items: page.job, next: page.next };
  }, (item) => item.id, { every: 5_000 });
  return (
    <>
      <PageHead title={text('title')} />
      <div class="filters" role="search">
        <Select label={text('state')} value={state ?? ''} onChange={(to) => setQuery({ state: to })}
          options={[['', shared('any')], ...JOB_STATES.map((item) => [item, jobWord(item)] as const)]} />
        <Field label={text('request')} type="search" value={query('request')} onInput={(to) => setQuery({ request: to })} />
      </div>
      <Loaded query={list}>
        {(items) => items.length === 0
          ? <Empty title={text(state || request ? 'noneFit' : 'none')}>{!state && !request && text('noneHow')}</Empty>
          : (
            <>
              <Table label={text('title')} head={[text('number'), text('job'), text('kind'), text('state'), text('progress'), text('request'), text('changed')]}>
                {items.map((job) => (
                  <tr key={job.id}>
                    <td class="tight">{job.id}</td>
                    <td><a href={address(['jobs', job.id])}>{job.title}</a></td>
                    <td>{job.kind}</td>
                    <td class="tight"><JobState state={job.state} /></td>
                    <td><Bar percent={job.percent} label={job.title} tone={jobTone(job.state)} /></td>
                    <td>{job.request ? <a href={address(['requests', job.request])}>{job.request}</a> : shared('none')}</td>
                    <td class="tight"><Moment at={job.changed_at} /></td>
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
