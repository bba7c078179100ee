import { useState } from 'preact/hooks';
import { api, done, type Api } from '../../api/client';
import { useList } from '../../api/list';
import { bytes } from '../../lib/language';
import { address, go, query } from '../../lib/router';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Empty, Loaded, Moment, More, PageHead, Table } from '../../ui/parts';
import { Editor } from './editor';
import { text } from './messages';
import { RunDialog } from './run-dialog';
import './page.css';

export default function Scripts() {
  const vms = query('vm').split(',').filter(Boolean).join(', ');
  const [adding, setAdding] = useState(false);
  const [running, setRunning] = useState<Api['Script'] | null>(null);
  const list = useList<Api['Script']>('scripts', async (after, signal) => {
    const page = await done(api.GET('/vm/script', {
      ...(signal ? { signal } : {}),
      params: { query: { limit: 100, ...(after === undefined ? {} : { after }) } },
    }));
    return { items: page.script, next: page.next };
  }, (item) => item.name, { every: 30_000 });
  const add = <Button kind="primary" onClick={() => setAdding(true)}>{text('add')}</Button>;
  return (
    <>
      <PageHead title={text('title')}>{add}</PageHead>
      {vms && <p class="note" role="status">{text('chosen', { vms })}</p>}
      <Loaded query={list}>
        {(items) => items.length === 0 ? <Empty title={text('none')} action={add}>{text('noneHow')}</Empty> : (
          <>
            <Table label={text('title')} head={[text('name'), text('version'), text('owner'), text('size'), text('machines'), text('changed'), text('actions')]}>
              {items.map((script) => (
                <tr key={script.name}>
                  <td><a href={address(['scripts', script.name])}>{script.name}</a></td>
                  <td>{script.version}</td>
                  <td>{script.owner}</td>
                  <td class="nowrap">{bytes(script.size)}</td>
                  <td>{script.vm.join(', ') || shared('none')}</td>
                  <td class="tight"><Moment at={script.changed_at} /></td>
                  <td class="tight"><Button small onClick={() => setRunning(script)}>{text('run')}</Button></td>
                </tr>
              ))}
            </Table>
            <More list={list} />
          </>
        )}
      </Loaded>
      {adding && (
        <Dialog title={text('add')} wide onClose={() => setAdding(false)}>
          <Editor script={null} saved={(script) => go(address(['scripts', script.name]))} />
        </Dialog>
      )}
      {running && <RunDialog script={running} vms={vms} close={() => setRunning(null)} />}
    </>
  );
}
