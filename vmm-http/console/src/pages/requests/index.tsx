import { api, done, type Api } from '../../api/client';
import { useList } from '../../api/list';
import { isAdmin } from '../../api/session';
import { mebibytes, number } from '../../lib/language';
import { address, query, setQuery } from '../../lib/router';
import { text as shared } from '../../messages';
import { Field, Select } from '../../ui/form';
import { Empty, Loaded, Moment, More, PageHead, Table } from '../../ui/parts';
import { REQUEST_STATES, RequestState, requestWord } from '../../words';
import { text } from './messages';
import './page.css';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export default function Requests() {
  const state = REQUEST_STATES.find((item) => item === query('state'));
  const requester = NAME.test(query('requester')) ? query('requester') : undefined;
  const filters = { ...(state ? { state } : {}), ...(requester ? { requester } : {}) };
  const list = useList<Api['RequestSummary']>(`requests ${JSON.stringify(filters)}`, async (after, signal) => {
    const page = await done(api.GET('/request-vm', {
      ...(signal ? { signal } : {}),
      params: { query: { ...filters, limit: 100, ...(after === undefined ? {} : { after }) } },
    }));
    return { items: page['request-vm'], next: page.next };
  }, (item) => item.id, { every: 10_000 });
  const filtered = Object.keys(filters).length > 0;
  const create = <a class="button button-primary" href={address(['requests', 'new'])}>{text('new')}</a>;
  return (
    <>
      <PageHead title={text('title')}>{create}</PageHead>
      <div class="filters" role="search">
        <Select label={text('state')} value={state ?? ''} onChange={(to) => setQuery({ state: to })}
          options={[['', shared('any')], ...REQUEST_STATES.map((item) => [item, requestWord(item)] as const)]} />
        {isAdmin() && <Field label={text('requester')} type="search" value={query('requester')} onInput={(to) => setQuery({ requester: to })} />}
      </div>
      <Loaded query={list}>
        {(items) => items.length === 0
          ? filtered
            ? <Empty title={text('noneFit')} />
            : <Empty title={text('none')} action={create}>{text('noneHow')}</Empty>
          : (
            <>
              <Table label={text('title')} head={[text('id'), text('state'), text('requester'), text('machines'), text('vcpu'), text('memory'), text('disk'), text('created'), text('description')]}>
                {items.map((item) => (
                  <tr key={item.id}>
                    <td class="nowrap"><a href={address(['requests', item.id])}>{item.id}</a></td>
                    <td class="tight"><RequestState state={item.state} /></td>
                    <td>{item.requester}</td>
                    <td>{number(item.totals.vms)}</td>
                    <td>{number(item.totals.vcpu)}</td>
                    <td class="nowrap">{mebibytes(item.totals.memory)}</td>
                    <td class="nowrap">{`${number(item.totals.disk)} GiB`}</td>
                    <td class="tight"><Moment at={item.created_at} /></td>
                    <td class="muted">{item.description}</td>
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
