import { useState } from 'preact/hooks';
import { api, done, type Api } from '../../api/client';
import { useAction, useQuery } from '../../api/query';
import { isAdmin, me } from '../../api/session';
import { diffLines, type DiffLine } from '../../lib/diff';
import { bytes } from '../../lib/language';
import { address, go } from '../../lib/router';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Loaded, Moment, PageHead, Section, Table } from '../../ui/parts';
import { toast } from '../../ui/toasts';
import type { PageProperties } from '../define';
import { Editor } from './editor';
import { text } from './messages';
import { RunDialog } from './run-dialog';
import './page.css';

export default function ScriptPage({ parameters }: PageProperties) {
  const name = parameters.name ?? '';
  const script = useQuery(`script ${name}`, (signal) => done(api.GET('/vm/script/{name}', { signal, params: { path: { name } } })));
  return (
    <>
      {!script.data && <PageHead title={name} />}
      <Loaded query={script}>{(data) => <Known script={data} reload={script.reload} />}</Loaded>
    </>
  );
}

function Known({ script, reload }: { script: Api['ScriptWithContent']; reload: () => Promise<void> }) {
  const [running, setRunning] = useState(false);
  const blocked = !isAdmin() && script.owner !== me() && text('notOwner', { owner: script.owner });
  const remove = () => confirm({
    title: text('removeAsk', { name: script.name }),
    detail: text('removeHow'),
    names: [script.name],
    action: text('remove'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/vm/script', { params: { query: { name: script.name } } }));
      toast.done(text('removed'));
      go(address(['scripts']));
    },
  });
  return (
    <>
      <PageHead title={script.name} lead={`${text('owner')}: ${script.owner}`}>
        <Button kind="primary" onClick={() => setRunning(true)}>{text('run')}</Button>
        <a class="button" href={address(['runs'], { script: script.name })}>{text('runs')}</a>
        <Button kind="danger" blocked={blocked} onClick={remove}>{text('remove')}</Button>
      </PageHead>
      <Section title={text('edit')}><Editor key={script.version} script={script} blocked={blocked} saved={reload} /></Section>
      <Versions script={script} blocked={blocked} reload={reload} />
      {running && <RunDialog script={script} vms="" close={() => setRunning(false)} />}
    </>
  );
}

function Versions({ script, blocked, reload }: { script: Api['ScriptWithContent']; blocked: string | false; reload: () => Promise<void> }) {
  const { name } = script;
  const versions = useQuery(`versions ${name} ${script.version}`, (signal) =>
    done(api.GET('/vm/script/version', { signal, params: { query: { script: name } } })));
  const [difference, setDifference] = useState<{ version: number; lines: DiffLine[] } | null>(null);
  const compare = useAction(async (version: number) => {
    const old = await done(api.GET('/vm/script/{name}', { params: { path: { name }, query: { version } } }));
    setDifference({ version, lines: diffLines(old.content, script.content) });
  });
  const restore = useAction(async (version: number) => {
    await done(api.PUT('/vm/script', { body: { script: [{ name, version }] } }));
    toast.done(text('restored', { n: version }));
    setDifference(null);
    await reload();
  });
  return (
    <Section title={text('versions')}>
      <Loaded query={versions}>
        {({ version: items }) => (
          <Table label={text('versions')} head={[text('version'), text('by'), text('changed'), text('size'), text('actions')]}>
            {items.map((item) => {
              const newest = item.version === script.version && text('newest');
              return (
                <tr key={item.version}>
                  <td>{item.version}</td>
                  <td>{item.changed_by}</td>
                  <td class="tight"><Moment at={item.created_at} /></td>
                  <td class="nowrap">{bytes(item.size)}</td>
                  <td class="tight">
                    <div class="actions">
                      <Button small blocked={newest} busy={compare.busy} onClick={() => void compare.run(item.version)}>{text('compare')}</Button>
                      <Button small blocked={blocked || newest} busy={restore.busy} onClick={() => void restore.run(item.version)}>{text('restore')}</Button>
                    </div>
                  </td>
                </tr>
              );
            })}
          </Table>
        )}
      </Loaded>
      {difference && (
        <div role="status">
          <h3>{text('difference', { n: difference.version })}</h3>
          {difference.lines.every((line) => line.kind === 'same') && <p>{text('equal')}</p>}
          <pre class="diff" tabIndex={0}>
            {difference.lines.map((line, index) => (
              <span key={index} class={`diff-${line.kind}`}>{`${{ same: ' ', removed: '-', added: '+' }[line.kind]} ${line.line}\n`}</span>
            ))}
          </pre>
        </div>
      )}
    </Section>
  );
}
