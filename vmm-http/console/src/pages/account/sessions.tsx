import { api, done, type Api } from '../../api/client';
import { useList } from '../../api/list';
import { readSession } from '../../api/session';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Loaded, Moment, More, Section, Table } from '../../ui/parts';
import { toast } from '../../ui/toasts';
import { text } from './messages';

/** Where the account is signed in. */
export function Sessions() {
  const list = useList<Api['Login']>('sessions', async (after, signal) => {
    const page = await done(api.GET('/session', {
      ...(signal ? { signal } : {}),
      params: { query: { limit: 20, ...(after === undefined ? {} : { after }) } },
    }));
    return { items: page.session, next: page.next };
  }, (item) => item.id, { every: 30_000 });
  const end = (login: Api['Login']) => confirm({
    title: text('endAsk'),
    ...(login.current ? { detail: text('endOwn') } : {}),
    action: text('end'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/session/{id}', { params: { path: { id: login.id } } }));
      toast.done(text('ended'));
      if (login.current) await readSession();
      else await list.reload();
    },
  });
  return (
    <Section title={text('sessions')}>
      <Loaded query={list}>
        {(items) => (
          <>
            <Table label={text('sessions')} head={[text('sessions'), text('since'), text('until'), text('actions')]}>
              {items.map((login) => (
                <tr key={login.id}>
                  <td>{text(login.current ? 'this' : 'other')}</td>
                  <td><Moment at={login.created_at} /></td>
                  <td><Moment at={login.expires_at} /></td>
                  <td class="tight"><Button small onClick={() => end(login)}>{text('end')}</Button></td>
                </tr>
              ))}
            </Table>
            <More list={list} />
          </>
        )}
      </Loaded>
    </Section>
  );
}
