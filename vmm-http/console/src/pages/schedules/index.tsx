import { useState } from 'preact/hooks';
import { api, done, once, type Api } from '../../api/client';
import { useList } from '../../api/list';
import { useAction, useQuery } from '../../api/query';
import { moment } from '../../lib/language';
import { address } from '../../lib/router';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { confirm, Dialog } from '../../ui/dialog';
import { Field, Form, Select } from '../../ui/form';
import { Empty, Loaded, Moment, More, PageHead, Status, Table, type Tone } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text } from './messages';

type Schedule = Api['Schedule'];

const FIRING: Record<Api['FiringState'], Tone> = { fired: 'good', missed: 'warn', failed: 'bad' };

export default function Schedules() {
  const [adding, setAdding] = useState(false);
  const [shown, setShown] = useState<Schedule | null>(null);
  const list = useList<Schedule>('schedules', async (after, signal) => {
    const page = await done(api.GET('/vm/script/schedule', {
      ...(signal ? { signal } : {}),
      params: { query: { limit: 100, ...(after === undefined ? {} : { after }) } },
    }));
    return { items: page.schedule, next: page.next };
  }, (item) => item.id, { every: 15_000 });
  const enable = useAction(async (schedule: Schedule) => {
    await done(api.PUT('/vm/script/schedule', { body: { schedule: [{ id: schedule.id, enabled: !schedule.enabled }] } }));
    toast.done(text('saved'));
    await list.reload();
  });
  const remove = (schedule: Schedule) => confirm({
    title: text('removeAsk', { id: schedule.id, script: schedule.script }),
    detail: text('removeHow'),
    action: text('remove'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/vm/script/schedule', { params: { query: { id: schedule.id } } }));
      toast.done(text('removed'));
      await list.reload();
    },
  });
  const add = <Button kind="primary" onClick={() => setAdding(true)}>{text('add')}</Button>;
  return (
    <>
      <PageHead title={text('title')}>{add}</PageHead>
      <Loaded query={list}>
        {(items) => items.length === 0 ? <Empty title={text('none')} action={add}>{text('noneHow')}</Empty> : (
          <>
            <Table label={text('title')} head={[text('script'), text('when'), text('next'), text('state'), text('machines'), text('by'), text('actions')]}>
              {items.map((item) => (
                <tr key={item.id}>
                  <td><a href={address(['scripts', item.script])}>{item.script}</a></td>
                  <td class="nowrap">{item.cron ? <><code>{item.cron}</code> {item.time_zone}</> : item.at && moment(item.at)}</td>
                  <td class="tight">{item.next_at ? <span title={moment(item.next_at)}><Moment at={item.next_at} /></span> : shared('none')}</td>
                  <td class="tight"><Status tone={item.enabled ? 'good' : 'quiet'}>{text(item.enabled ? 'enabled' : 'disabled')}</Status></td>
                  <td>{item.vm?.join(', ') ?? shared('none')}</td>
                  <td>{item.made_by}</td>
                  <td class="tight">
                    <div class="actions">
                      <Button small onClick={() => setShown(item)}>{text('history')}</Button>
                      <Button small busy={enable.busy} onClick={() => void enable.run(item)}>{text(item.enabled ? 'disable' : 'enable')}</Button>
                      <Button small onClick={() => remove(item)}>{text('remove')}</Button>
                    </div>
                  </td>
                </tr>
              ))}
            </Table>
            <More list={list} />
          </>
        )}
      </Loaded>
      {adding && <Add close={() => setAdding(false)} reload={list.reload} />}
      {shown && <History schedule={shown} close={() => setShown(null)} />}
    </>
  );
}

function History({ schedule, close }: { schedule: Schedule; close: () => void }) {
  const { id } = schedule;
  const known = useQuery(`schedule ${id}`, (signal) => done(api.GET('/vm/script/schedule/{id}', { signal, params: { path: { id } } })));
  return (
    <Dialog title={text('historyOf', { id })} wide onClose={close}>
      <Loaded query={known}>
        {({ firing }) => firing.length === 0 ? <p class="muted">{text('noHistory')}</p> : (
          <Table label={text('history')} head={[text('when'), text('state'), text('next')]}>
            {firing.map((item) => (
              <tr key={item.due_at}>
                <td class="nowrap">{moment(item.due_at)}</td>
                <td><Status tone={FIRING[item.state]}>{text(`firing.${item.state}`)}</Status>{item.times > 1 && ` × ${item.times}`}</td>
                <td>{item.run === undefined ? item.reason : <a href={address(['runs', item.run])}>{text('run', { id: String(item.run) })}</a>}</td>
              </tr>
            ))}
          </Table>
        )}
      </Loaded>
    </Dialog>
  );
}

function Add({ close, reload }: { close: () => void; reload: () => Promise<void> }) {
  const [script, setScript] = useState('');
  const [kind, setKind] = useState('cron');
  const [cron, setCron] = useState('');
  const [zone, setZone] = useState(Intl.DateTimeFormat().resolvedOptions().timeZone);
  const [at, setAt] = useState('');
  const [vms, setVms] = useState('');
  const scripts = useQuery('script names', (signal) => done(api.GET('/vm/script', { signal, params: { query: { limit: 1_000 } } })));
  const save = useAction(async () => {
    const names = vms.split(/[\s,;]+/).filter(Boolean);
    const when = kind === 'cron' ? { cron, ...(zone ? { time_zone: zone } : {}) } : { at: new Date(at).toISOString() };
    const item: Api['NewSchedule'] = { script, ...when, ...(names.length > 0 ? { vm: names } : {}) };
    await done(api.POST('/vm/script/schedule', { params: { header: once() }, body: { schedule: [item] } }));
    toast.done(text('saved'));
    await reload();
    close();
  }, { quiet: true });
  const { problem } = save;
  return (
    <Dialog title={text('add')} onClose={close}>
      <Form onSubmit={() => save.run()}>
        <Field label={text('script')} value={script} onInput={setScript} required hint={text('scriptHow')} error={problem?.field('script')}
          list={scripts.data?.script.map((item) => item.name) ?? []} />
        <Select label={text('kind')} value={kind} onChange={setKind} options={[['cron', text('repeat')], ['at', text('once')]]} />
        {kind === 'cron'
          ? (
            <>
              <Field label={text('cron')} value={cron} onInput={setCron} mono required hint={text('cronHow')} error={problem?.field('cron')} />
              <Field label={text('zone')} value={zone} onInput={setZone} error={problem?.field('time_zone')} />
            </>
          )
          : <Field label={text('at')} type="datetime-local" value={at} onInput={setAt} required error={problem?.field('at')} />}
        <Field label={text('machines')} value={vms} onInput={setVms} hint={text('machinesHow')} error={problem?.field('vm')} />
        {problem && <ProblemBox problem={problem} />}
        <div class="actions actions-end">
          <Button onClick={close}>{shared('cancel')}</Button>
          <Button type="submit" kind="primary" busy={save.busy} blocked={(!script || !(kind === 'cron' ? cron : at)) && text('fill')}>{shared('save')}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
