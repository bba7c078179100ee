import { api, done, type Api } from '../../api/client';
import { useQuery } from '../../api/query';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Empty, Loaded, Moment, PageHead, Table } from '../../ui/parts';
import { toast } from '../../ui/toasts';
import { text } from './messages';

export default function Groups() {
  const groups = useQuery('groups', (signal) => done(api.GET('/bot/group', { signal })), { every: 30_000 });
  const disallow = (group: Api['BotGroup']) => confirm({
    title: text('disallowAsk', { name: group.title }),
    detail: text('disallowHow'),
    names: [group.title],
    action: text('disallow'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/bot/group', { params: { query: { bot: group.bot, chat: group.chat } } }));
      toast.done(text('disallowed'));
      await groups.reload();
    },
  });
  return (
    <>
      <PageHead title={text('title')} lead={text('lead')} />
      <Loaded query={groups}>
        {({ group: items }) => items.length === 0 ? <Empty title={text('none')}>{text('noneHow')}</Empty> : (
          <Table label={text('title')} head={[text('group'), text('bot'), text('by'), text('at'), text('actions')]}>
            {items.map((group) => (
              <tr key={`${group.bot} ${group.chat}`}>
                <td>{group.title}</td>
                <td>{group.bot}</td>
                <td>{group.allowed_by}</td>
                <td class="tight"><Moment at={group.allowed_at} /></td>
                <td class="tight"><Button small onClick={() => disallow(group)}>{text('disallow')}</Button></td>
              </tr>
            ))}
          </Table>
        )}
      </Loaded>
    </>
  );
}
