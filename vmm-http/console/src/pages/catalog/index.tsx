import { useRef, useState } from 'preact/hooks';
import { api, done, once, raw, type Api } from '../../api/client';
import { useList } from '../../api/list';
import { useAction } from '../../api/query';
import { isAdmin } from '../../api/session';
import { bytes } from '../../lib/language';
import { address, go } from '../../lib/router';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { confirm, Dialog } from '../../ui/dialog';
import { Field, Form } from '../../ui/form';
import { Empty, Loaded, More, PageHead, Status, Table } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text } from './messages';

type Os = Api['Os'];

export default function Catalog() {
  const [editing, setEditing] = useState<Os | 'new' | null>(null);
  const list = useList<Os>('catalog', async (after, signal) => {
    const page = await done(api.GET('/db/os', {
      ...(signal ? { signal } : {}),
      params: { query: { limit: 100, ...(after === undefined ? {} : { after }) } },
    }));
    return { items: page.os, next: page.next };
  }, (item) => item.id, { every: 10_000 });
  const blocked = !isAdmin() && shared('adminOnly');
  const importAgain = useAction(async (os: Os) => {
    const begun = await done(api.POST('/db/os/import', { params: { query: { id: os.id }, header: once() } }));
    toast.done(text('added'));
    if (begun.job !== undefined) go(address(['jobs', begun.job]));
  });
  const remove = (os: Os) => confirm({
    title: text('removeAsk', { name: `${os.name}:${os.version}` }),
    detail: text('removeHow'),
    names: [`${os.name}:${os.version}`],
    action: text('remove'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/db/os', { params: { query: { id: os.id }, header: { 'If-Match': `"${os.revision}"` } } }));
      toast.done(text('removed'));
      await list.reload();
    },
  });
  const add = <Button kind="primary" blocked={blocked} onClick={() => setEditing('new')}>{text('add')}</Button>;
  return (
    <>
      <PageHead title={text('title')} lead={text('lead')}>{add}</PageHead>
      <Loaded query={list}>
        {(items) => items.length === 0 ? <Empty title={text('none')} action={add}>{text(isAdmin() ? 'noneAdmin' : 'noneUser')}</Empty> : (
          <>
            <Table label={text('title')} head={[text('name'), text('version'), text('state'), text('size'), text('login'), text('description'), text('actions')]}>
              {items.map((os) => (
                <tr key={os.id}>
                  <td>{os.name}</td>
                  <td>{os.version}</td>
                  <td>
                    <Status tone={os.ready ? 'good' : os.problem ? 'bad' : 'busy'}>{text(os.ready ? 'ready' : os.problem ? 'wrong' : 'importing')}</Status>
                    {os.problem && <p class="field-error">{os.problem}</p>}
                  </td>
                  <td class="nowrap">{os.virtual_size === undefined ? shared('none') : bytes(os.virtual_size)}</td>
                  <td>{os.login}</td>
                  <td class="muted">{os.description}</td>
                  <td class="tight">
                    <div class="actions">
                      <Button small blocked={blocked} onClick={() => setEditing(os)}>{text('edit')}</Button>
                      <Button small busy={importAgain.busy} blocked={blocked || (os.ready && text('reimportHow'))} onClick={() => void importAgain.run(os)}>
                        {text('reimport')}
                      </Button>
                      <Button small blocked={blocked} onClick={() => remove(os)}>{text('remove')}</Button>
                    </div>
                  </td>
                </tr>
              ))}
            </Table>
            <More list={list} />
          </>
        )}
      </Loaded>
      {editing === 'new' && <Add close={() => setEditing(null)} />}
      {editing && editing !== 'new' && <Edit os={editing} close={() => setEditing(null)} reload={list.reload} />}
    </>
  );
}

function Edit({ os, close, reload }: { os: Os; close: () => void; reload: () => Promise<void> }) {
  const [description, setDescription] = useState(os.description);
  const [login, setLogin] = useState(os.login);
  const save = useAction(async () => {
    await done(api.PUT('/db/os', { params: { header: { 'If-Match': `"${os.revision}"` } }, body: { os: [{ id: os.id, description, login }] } }));
    toast.done(text('saved'));
    await reload();
    close();
  }, { quiet: true });
  return (
    <Dialog title={text('editTitle', { name: `${os.name}:${os.version}` })} onClose={close}>
      <Form onSubmit={() => save.run()}>
        <Field label={text('login')} value={login} onInput={setLogin} required error={save.problem?.field('login')} />
        <Field label={text('description')} value={description} onInput={setDescription} rows={3} error={save.problem?.field('description')} />
        {save.problem && <ProblemBox problem={save.problem} />}
        <div class="actions actions-end">
          <Button onClick={close}>{shared('cancel')}</Button>
          <Button type="submit" kind="primary" busy={save.busy}>{shared('save')}</Button>
        </div>
      </Form>
    </Dialog>
  );
}

function Add({ close }: { close: () => void }) {
  const [name, setName] = useState('');
  const [version, setVersion] = useState('');
  const [qcow2, setQcow2] = useState('');
  const [iso, setIso] = useState('');
  const [login, setLogin] = useState('');
  const [description, setDescription] = useState('');
  const [sending, setSending] = useState('');
  const file = useRef<HTMLInputElement>(null);
  const upload = useAction(async (chosen: File) => {
    setSending(chosen.name);
    const headers = { 'Content-Type': 'application/octet-stream' };
    await raw('PUT', `/files/${encodeURIComponent(chosen.name)}`, { body: chosen, headers }).finally(() => setSending(''));
    setQcow2(`file:${chosen.name}`);
    toast.done(text('uploaded', { name: chosen.name }));
  });
  const add = useAction(async () => {
    const item: Api['NewOs'] = {
      name, version,
      ...(qcow2 ? { qcow2 } : {}), ...(iso ? { iso } : {}), ...(login ? { login } : {}), ...(description ? { description } : {}),
    };
    const made = await done(api.POST('/db/os', { params: { header: once() }, body: { os: [item] } }));
    toast.done(text('added'));
    close();
    const job = made.os[0]?.job;
    if (job !== undefined) go(address(['jobs', job]));
  }, { quiet: true });
  const blocked = !name || !version || (!qcow2 && !iso) ? text('fill') : undefined;
  return (
    <Dialog title={text('addTitle')} onClose={close}>
      <Form onSubmit={() => add.run()}>
        <div class="form-row">
          <Field label={text('name')} value={name} onInput={setName} required error={add.problem?.field('name')} />
          <Field label={text('version')} value={version} onInput={setVersion} required error={add.problem?.field('version')} />
        </div>
        <Field label={text('image')} value={qcow2} onInput={setQcow2} hint={text('imageHow')} error={add.problem?.field('qcow2')} />
        <div class="actions">
          <Button small busy={upload.busy} onClick={() => file.current?.click()}>{text('upload')}</Button>
          <span role="status" class="muted">{sending && text('uploading', { name: sending })}</span>
          <input ref={file} type="file" class="visually-hidden" tabIndex={-1} aria-hidden="true" accept=".qcow2,.img"
            onChange={(event) => { const chosen = event.currentTarget.files?.[0]; if (chosen) void upload.run(chosen); }} />
        </div>
        <Field label={text('iso')} value={iso} onInput={setIso} hint={text('isoHow')} error={add.problem?.field('iso')} />
        <Field label={text('login')} value={login} onInput={setLogin} hint={text('loginHow')} error={add.problem?.field('login')} />
        <Field label={text('description')} value={description} onInput={setDescription} error={add.problem?.field('description')} />
        {add.problem && <ProblemBox problem={add.problem} />}
        <div class="actions actions-end">
          <Button onClick={close}>{shared('cancel')}</Button>
          <Button type="submit" kind="primary" blocked={blocked} busy={add.busy}>{text('add')}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
