import { useState } from 'preact/hooks';
import { api, done, once, type Api } from '../../api/client';
import { useList } from '../../api/list';
import { useAction } from '../../api/query';
import { me } from '../../api/session';
import { address, query, setQuery } from '../../lib/router';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { confirm, Dialog } from '../../ui/dialog';
import { Check, Field, Form, Select } from '../../ui/form';
import { Empty, Loaded, Moment, More, PageHead, Secret, Status, Table } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text } from './messages';

type User = Api['User'];
type Role = Api['Role'];

export default function Users() {
  const role = query('role') === 'admin' || query('role') === 'user' ? (query('role') as Role) : undefined;
  const prefix = query('q');
  const [editing, setEditing] = useState<User | 'new' | null>(null);
  const [code, setCode] = useState<{ user: string; code: string } | null>(null);
  const list = useList<User>(`users ${role} ${prefix}`, async (after, signal) => {
    const wanted = { limit: 100, ...(role ? { role } : {}), ...(prefix ? { name_prefix: prefix } : {}), ...(after === undefined ? {} : { after }) };
    const page = await done(api.GET('/db/user', { ...(signal ? { signal } : {}), params: { query: wanted } }));
    return { items: page.user, next: page.next };
  }, (item) => item.id, { every: 30_000 });
  const makeCode = useAction(async (user: string) => {
    setCode({ user, code: (await done(api.POST('/link-code', { params: { query: { user } } }))).code });
  });
  const remove = (user: User) => confirm({
    title: text('removeAsk', { name: user.name }),
    detail: text('removeHow'),
    names: [user.name],
    action: text('remove'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/db/user', { params: { query: { name: user.name }, header: { 'If-Match': `"${user.revision}"` } } }));
      toast.done(text('removed'));
      await list.reload();
    },
  });
  return (
    <>
      <PageHead title={text('title')}><Button kind="primary" onClick={() => setEditing('new')}>{text('add')}</Button></PageHead>
      <div class="filters" role="search">
        <Field label={text('search')} type="search" value={prefix} onInput={(q) => setQuery({ q })} />
        <Select label={text('role')} value={role ?? ''} onChange={(to) => setQuery({ role: to })}
          options={[['', shared('any')], ['admin', shared('role.admin')], ['user', shared('role.user')]]} />
      </div>
      <Loaded query={list}>
        {(items) => items.length === 0 ? <Empty title={text('none')}>{text('noneHow')}</Empty> : (
          <>
            <Table label={text('title')} head={[text('name'), text('role'), text('state'), text('telegram'), text('created'), text('actions')]}>
              {items.map((user) => (
                <tr key={user.id}>
                  <td><a href={address(['machines'], { user: user.name })} title={text('machines')}>{user.name}</a></td>
                  <td>{shared(`role.${user.role}`)}</td>
                  <td class="tight"><Status tone={user.disabled ? 'quiet' : 'good'}>{text(user.disabled ? 'disabled' : 'active')}</Status></td>
                  <td>{user.chat_id === undefined ? shared('none') : text('linked')}</td>
                  <td class="tight"><Moment at={user.created_at} /></td>
                  <td class="tight">
                    <div class="actions">
                      <Button small onClick={() => setEditing(user)}>{text('edit')}</Button>
                      <Button small busy={makeCode.busy} onClick={() => void makeCode.run(user.name)}>{text('code')}</Button>
                      <Button small blocked={user.name === me() && text('notYourself')} onClick={() => remove(user)}>{text('remove')}</Button>
                    </div>
                  </td>
                </tr>
              ))}
            </Table>
            <More list={list} />
          </>
        )}
      </Loaded>
      {editing && <Edit user={editing === 'new' ? null : editing} close={() => setEditing(null)} reload={list.reload} />}
      {code && (
        <Dialog title={text('codeTitle', { name: code.user })} onClose={() => setCode(null)}>
          <p>{text('codeHow')}</p>
          <Secret value={`/start ${code.code}`} label={text('code')} />
        </Dialog>
      )}
    </>
  );
}

function Edit({ user, close, reload }: { user: User | null; close: () => void; reload: () => Promise<void> }) {
  const [name, setName] = useState(user?.name ?? '');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<Role>(user?.role ?? 'user');
  const [disabled, setDisabled] = useState(user?.disabled ?? false);
  const own = user?.name === me();
  const save = useAction(async () => {
    if (user) {
      const change: Api['UserChange'] = {
        name: user.name,
        ...(name === user.name ? {} : { new_name: name }),
        ...(role === user.role ? {} : { role }),
        ...(disabled === user.disabled ? {} : { disabled }),
        ...(password ? { password } : {}),
      };
      await done(api.PUT('/db/user', { params: { header: { 'If-Match': `"${user.revision}"` } }, body: { user: [change] } }));
    } else await done(api.POST('/db/user', { params: { header: once() }, body: { user: [{ name, password, role }] } }));
    toast.done(text('saved'));
    await reload();
    close();
  }, { quiet: true });
  const blocked = !name || (!user && !password) ? text('fill') : undefined;
  return (
    <Dialog title={user ? text('editTitle', { name: user.name }) : text('addTitle')} onClose={close}>
      <Form onSubmit={() => save.run()}>
        <Field label={text('name')} value={name} onInput={setName} required error={save.problem?.field('name') ?? save.problem?.field('new_name')} />
        {own
          ? <p class="hint">{text('ownPassword')}</p>
          : (
            <Field label={text(user ? 'newPassword' : 'password')} type="password" autocomplete="new-password" value={password} onInput={setPassword}
              required={!user} hint={user ? text('newPasswordHow') : undefined} error={save.problem?.field('password')} />
          )}
        <Select label={text('role')} value={role} onChange={(to) => setRole(to as Role)}
          options={[['user', shared('role.user')], ['admin', shared('role.admin')]]} />
        {user && <Check label={text('disable')} checked={disabled} onChange={setDisabled} />}
        {save.problem && <ProblemBox problem={save.problem} />}
        <div class="actions actions-end">
          <Button onClick={close}>{shared('cancel')}</Button>
          <Button type="submit" kind="primary" blocked={blocked} busy={save.busy}>{shared('save')}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
