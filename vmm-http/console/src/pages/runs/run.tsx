import { useEffect, useState } from 'preact/hooks';
import { api, done, follow, once, type Api } from '../../api/client';
import { useAction, useQuery } from '../../api/query';
import { bytes, duration } from '../../lib/language';
import { address, go } from '../../lib/router';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { confirm, Dialog } from '../../ui/dialog';
import { Field, Form, Select } from '../../ui/form';
import { Bar, Facts, Loaded, Moment, PageHead, Section } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { RunState } from '../../words';
import type { PageProperties } from '../define';
import { text } from './messages';
import './page.css';

type Run = Api['RunWithVms'];

const ended = (run: { state: Api['RunState'] }) => !['queued', 'running'].includes(run.state);

export default function RunPage({ parameters }: PageProperties) {
  const id = Number(parameters.id);
  const run = useQuery(`run ${id}`, (signal) => done(api.GET('/vm/script/run/{id}', { signal, params: { path: { id } } })));
  const [live, setLive] = useState<{ run: Partial<Api['Run']>; vms: ReadonlyMap<string, Api['RunVm']> }>({ run: {}, vms: new Map() });
  const watch = run.data !== undefined && !ended(run.data);
  useEffect(() => {
    if (!watch) return undefined;
    const own = new AbortController();
    follow(`/vm/script/run/${id}/events`, own.signal, (event) => {
      if (event.event === 'vm') {
        const vm = JSON.parse(event.data) as Api['RunVm'];
        setLive((old) => ({ ...old, vms: new Map(old.vms).set(vm.vm, vm) }));
        return false;
      }
      const now = JSON.parse(event.data) as Api['Run'];
      setLive((old) => ({ ...old, run: now }));
      return ended(now);
    }).then(run.reload, toast.problem);
    return () => own.abort();
  }, [watch, id, run.reload]);
  return (
    <>
      {!run.data && <PageHead title={`${text('run')} ${parameters.id ?? ''}`} />}
      <Loaded query={run}>
        {(data) => {
          const shown = ended(data) ? data : { ...data, ...live.run, vm: data.vm.map((vm) => live.vms.get(vm.vm) ?? vm) };
          return <Known run={shown} reload={run.reload} />;
        }}
      </Loaded>
    </>
  );
}

function Known({ run, reload }: { run: Run; reload: () => Promise<void> }) {
  const [again, setAgain] = useState(false);
  const over = ended(run);
  const failed = run.vm.some((vm) => ['failed', 'interrupted', 'unknown'].includes(vm.state) || (vm.exit_code ?? 0) !== 0);
  const cancel = () => confirm({
    title: text('cancelAsk', { id: String(run.id) }),
    detail: text('cancelHow'),
    action: text('cancel'),
    danger: true,
    act: async () => {
      await done(api.POST('/vm/script/run/{id}/cancel', { params: { path: { id: run.id }, header: once() } }));
      toast.done(text('cancelled'));
      await reload();
    },
  });
  return (
    <>
      <PageHead title={<span class="head-line">{`${run.script} #${run.id}`}<small><RunState state={run.state} /></small></span>}>
        <Button blocked={!over ? text('notOver') : !failed && text('noneFailed')} onClick={() => setAgain(true)}>{text('rerun')}</Button>
        <Button blocked={over ? text('over') : run.cancel && text('cancelling')} onClick={cancel}>{text('cancel')}</Button>
      </PageHead>
      <Section title={text('run')}>
        <Bar percent={(run.ended / Math.max(1, run.machines)) * 100} label={run.script} />
        <Facts items={[
          [text('machines'), <span role="status">{text('ended', { n: run.ended, all: run.machines })}</span>],
          [text('script'), <a href={address(['scripts', run.script])}>{run.script}</a>],
          [text('version'), run.version],
          [text('by'), run.started_by],
          [text('user'), run.user],
          [text('started'), <Moment at={run.created_at} />],
          [text('changed'), <Moment at={run.changed_at} />],
          run.arguments && run.arguments.length > 0 && [text('arguments'), <code>{run.arguments.join(' ')}</code>],
          run.rerun_of !== undefined && [text('of', { id: String(run.rerun_of) }), <a href={address(['runs', run.rerun_of])}>{run.rerun_of}</a>],
        ]} />
      </Section>
      {run.vm.map((vm) => <Machine key={vm.vm} vm={vm} open={run.vm.length <= 5} />)}
      {again && <Again run={run} close={() => setAgain(false)} />}
    </>
  );
}

function Machine({ vm, open }: { vm: Api['RunVm']; open: boolean }) {
  const hidden = vm.stdout === undefined && vm.stderr === undefined;
  const part = (shown: string | undefined, all: number | undefined) => shown !== undefined && all !== undefined && all > new Blob([shown]).size;
  return (
    <details class="section run-vm" open={open}>
      <summary>
        <strong>{vm.vm}</strong>
        <RunState state={vm.state} />
        {vm.exit_code !== undefined && <span class="muted">{`${text('exit')} ${vm.exit_code}`}</span>}
        {vm.signal !== undefined && <span class="muted">{vm.signal}</span>}
        {vm.duration_ms !== undefined && <span class="muted push">{duration(vm.duration_ms / 1000)}</span>}
      </summary>
      {vm.error && <p class="field-error">{vm.error}</p>}
      {hidden && ended(vm) && !vm.error && <p class="muted">{text('hidden')}</p>}
      {!hidden && !vm.stdout && !vm.stderr && ended(vm) && <p class="muted">{text('empty')}</p>}
      {vm.stdout && <pre class="output" tabIndex={0} aria-label={text('output', { vm: vm.vm })}>{vm.stdout}</pre>}
      {part(vm.stdout, vm.stdout_bytes) && <p class="hint">{text('bytes', { shown: bytes(new Blob([vm.stdout ?? '']).size), all: bytes(vm.stdout_bytes ?? 0) })}</p>}
      {vm.stderr && <pre class="output output-bad" tabIndex={0} aria-label={text('output', { vm: vm.vm })}>{vm.stderr}</pre>}
    </details>
  );
}

function Again({ run, close }: { run: Run; close: () => void }) {
  const [only, setOnly] = useState<Api['Again']>('nonzero');
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const rerun = useAction(async () => {
    const body = { only, ...(user ? { user, password } : {}) };
    const begun = await done(api.POST('/vm/script/run/{id}/rerun', { params: { path: { id: run.id }, header: once() }, body }));
    close();
    go(address(['runs', begun.id]));
  }, { quiet: true });
  return (
    <Dialog title={text('rerunTitle', { script: run.script })} onClose={close}>
      <Form onSubmit={() => rerun.run()}>
        <Select label={text('which')} value={only} onChange={(to) => setOnly(to as Api['Again'])}
          options={(['failed', 'nonzero', 'unknown'] as const).map((item) => [item, text(`which.${item}`)] as const)} />
        <div class="form-row">
          <Field label={text('user')} value={user} onInput={setUser} hint={text('userHow')} error={rerun.problem?.field('user')} />
          <Field label={text('password')} type="password" value={password} onInput={setPassword} error={rerun.problem?.field('password')} />
        </div>
        {rerun.problem && <ProblemBox problem={rerun.problem} />}
        <div class="actions actions-end">
          <Button onClick={close}>{shared('cancel')}</Button>
          <Button type="submit" kind="primary" busy={rerun.busy}>{text('rerun')}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
