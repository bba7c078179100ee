import { useRef, useState } from 'preact/hooks';
import { api, done, raw, type Api } from '../../api/client';
import { useList } from '../../api/list';
import { useAction } from '../../api/query';
import { bytes } from '../../lib/language';
import { save } from '../../lib/save';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Empty, Loaded, Moment, More, PageHead, Table } from '../../ui/parts';
import { toast } from '../../ui/toasts';
import { text } from './messages';
import './page.css';

const pathOf = (name: string) => `/files/${encodeURIComponent(name)}`;

export default function Files() {
  const chooser = useRef<HTMLInputElement>(null);
  const [sending, setSending] = useState('');
  const [over, setOver] = useState(false);
  const list = useList<Api['StoredFile']>('files', async (after, signal) => {
    const page = await done(api.GET('/files', {
      ...(signal ? { signal } : {}),
      params: { query: { limit: 500, ...(after === undefined ? {} : { after }) } },
    }));
    return { items: page.file, next: page.next };
  }, (item) => item.name, { every: 30_000 });
  const send = useAction(async (files: readonly File[]) => {
    try {
      for (const file of files) {
        setSending(file.name);
        await raw('PUT', `/files/${encodeURIComponent(file.name)}`, { body: file, headers: { 'Content-Type': 'application/octet-stream' } });
      }
      toast.done(text('sent', { n: files.length }));
    } finally {
      setSending('');
      await list.reload();
    }
  });
  const take = (chosen: FileList | null | undefined) => {
    const files = [...(chosen ?? [])];
    if (files.length === 0) return;
    const known = files.filter((file) => list.data?.some((item) => item.name === file.name)).map((file) => file.name);
    if (known.length === 0) void send.run(files);
    else {
      confirm({
        title: text('replaceAsk', { n: known.length }),
        detail: text('replaceHow'),
        names: known,
        action: text('replace'),
        danger: true,
        act: () => send.run(files),
      });
    }
  };
  const fetchFile = useAction((name: string) => save(pathOf(name), name));
  const remove = (name: string) => confirm({
    title: text('removeAsk', { name }),
    detail: text('removeHow'),
    names: [name],
    action: text('remove'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/files/{name}', { params: { path: { name } } }));
      toast.done(text('removed'));
      await list.reload();
    },
  });
  const upload = <Button kind="primary" busy={send.busy} onClick={() => chooser.current?.click()}>{text('upload')}</Button>;
  return (
    <div class={over ? 'files files-over' : 'files'}
      onDragOver={(event) => { event.preventDefault(); setOver(true); }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => { event.preventDefault(); setOver(false); take(event.dataTransfer?.files); }}>
      <PageHead title={text('title')} lead={text('lead')}>{upload}</PageHead>
      <input ref={chooser} type="file" multiple class="visually-hidden" tabIndex={-1} aria-hidden="true"
        onChange={(event) => { take(event.currentTarget.files); event.currentTarget.value = ''; }} />
      <p role="status" class="muted">{sending ? text('sending', { name: sending }) : text('drop')}</p>
      <Loaded query={list}>
        {(items) => items.length === 0 ? <Empty title={text('none')} action={upload}>{text('lead')}</Empty> : (
          <>
            <Table label={text('title')} head={[text('name'), text('size'), text('changed'), text('hash'), text('actions')]}>
              {items.map((file) => (
                <tr key={file.name}>
                  <td>{file.name}</td>
                  <td class="nowrap">{bytes(file.bytes)}</td>
                  <td class="tight"><Moment at={file.changed_at} /></td>
                  <td><code title={file.sha256}>{file.sha256.slice(0, 12)}</code></td>
                  <td class="tight">
                    <div class="actions">
                      <Button small busy={fetchFile.busy} onClick={() => void fetchFile.run(file.name)}>{text('save')}</Button>
                      <Button small onClick={() => remove(file.name)}>{text('remove')}</Button>
                    </div>
                  </td>
                </tr>
              ))}
            </Table>
            <More list={list} />
          </>
        )}
      </Loaded>
    </div>
  );
}
