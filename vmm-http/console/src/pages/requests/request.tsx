import { useState } from 'preact/hooks';
import { api, done, once, type Api } from '../../api/client';
import { useAction, useQuery } from '../../api/query';
import { isAdmin, me } from '../../api/session';
import { mebibytes, number } from '../../lib/language';
import { address, go } from '../../lib/router';
import { save } from '../../lib/save';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { confirm, Dialog } from '../../ui/dialog';
import { Field, Form } from '../../ui/form';
import { Bar, Facts, Loaded, Moment, PageHead, Section, Table } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { JobState, jobTone, RequestState, Verdict } from '../../words';
import type { PageProperties } from '../define';
import { draft, newDraft, sheetFrom } from './draft';
import { text } from './messages';
import './page.css';

type Request = Api['Request'];

export default function RequestPage({ parameters }: PageProperties) {
  const id = parameters.id ?? '';
  const request = useQuery(`request ${id}`, (signal) =>
    done(api.GET('/request-vm/{id}', { signal, params: { path: { id } } })), { every: 3_000 });
  return (
    <>
      {!request.data && <PageHead title={id} />}
      <Loaded query={request}>{(data) => <Known request={data} set={request.set} reload={request.reload} />}</Loaded>
    </>
  );
}

function Known({ request, set, reload }: { request: Request; set: (to: Request) => void; reload: () => Promise<void> }) {
  const [rejecting, setRejecting] = useState(false);
  const { id } = request;
  const path = { id };
  const decided = request.state !== 'pending' && text('decided');
  const approve = () => confirm({
    title: text('approveAsk', { id }),
    detail: text('approveHow', { n: request.totals.vms }),
    names: request.rows.map((row) => row.name),
    action: text('approve'),
    act: async () => {
      try {
        set(await done(api.POST('/request-vm/{id}/approve', { params: { path, header: once() }, body: { plan_hash: request.plan_hash } })));
        toast.done(text('approved'));
      } catch (error) {
        void reload();
        throw error;
      }
    },
  });
  const withdraw = () => confirm({
    title: text('withdrawAsk', { id }),
    action: text('withdraw'),
    danger: true,
    act: async () => {
      set(await done(api.POST('/request-vm/{id}/cancel', { params: { path, header: once() } })));
      toast.done(text('withdrawn'));
    },
  });
  const mine = request.requester === me() || isAdmin();
  const admin = !isAdmin() && shared('adminOnly');
  return (
    <>
      <PageHead title={<span class="head-line">{id}<small><RequestState state={request.state} /></small></span>} lead={request.description}>
        {request.state === 'pending' && (
          <>
            <Button kind="primary" blocked={admin || decided} onClick={approve}>{text('approve')}</Button>
            <Button blocked={admin || decided} onClick={() => setRejecting(true)}>{text('reject')}</Button>
            <Button blocked={!mine ? text('notRequester', { user: request.requester }) : decided} onClick={withdraw}>{text('withdraw')}</Button>
          </>
        )}
        {request.state !== 'pending' && <a class="button" href={address(['machines'], { request: id })}>{text('openMachines')}</a>}
      </PageHead>
      {request.reason && <p class="note">{`${text('reason')}: ${request.reason}`}</p>}
      {request.state !== 'pending' && request.state !== 'rejected' && request.state !== 'cancelled' && <Progress request={request} />}
      <Section title={text('host', { name: request.host.name })}><Room request={request} /></Section>
      <Section title={text('plan')} actions={<Files request={request} />}>
        <Table label={text('plan')} head={[text('name'), text('verdict'), text('os'), text('vcpu'), text('memory'), text('disks'), text('address'), text('group'), text('warnings')]}>
          {request.rows.map((row) => (
            <tr key={row.name}>
              <td class="nowrap">{request.state === 'done' ? <a href={address(['machines', row.name])}>{row.name}</a> : row.name}</td>
              <td class="tight"><Verdict verdict={row.verdict} /></td>
              <td>{row.os}</td>
              <td>{row.vcpu}</td>
              <td class="nowrap">{mebibytes(row.memory)}</td>
              <td>{row.disks.map((disk) => `${number(disk.size)} GiB`).join(' + ')}</td>
              <td class="mono">{row.ip ?? text('automatic')}</td>
              <td>{row.group_name ?? shared('none')}</td>
              <td class="muted">{row.warnings.join(' ') || shared('none')}</td>
            </tr>
          ))}
        </Table>
      </Section>
      <Section title={text('id')}>
        <Facts items={[
          [text('requester'), request.requester],
          [text('created'), <Moment at={request.created_at} />],
          [text('changed'), <Moment at={request.changed_at} />],
          [text('decidedBy'), request.decided_by],
          [text('planHash'), <code>{request.plan_hash}</code>],
        ]} />
        {request.understood.length > 0 && (
          <details><summary>{text('understood')}</summary><ul>{request.understood.map((line) => <li key={line}>{line}</li>)}</ul></details>
        )}
      </Section>
      {rejecting && <Reject request={request} set={set} close={() => setRejecting(false)} />}
    </>
  );
}

function Files({ request }: { request: Request }) {
  const path = `/request-vm/${encodeURIComponent(request.id)}`;
  const spec = useAction(() => save(`${path}/spec`, `${request.id}.csv`));
  const result = useAction(() => save(`${path}/result`, `${request.id}-machines.csv`));
  const again = () => {
    draft.value = { ...newDraft(), description: request.description, sheet: sheetFrom(request.spec) };
    go(address(['requests', 'new']));
  };
  return (
    <>
      {request.state === 'done' && <Button small busy={result.busy} onClick={() => void result.run()}>{text('saveResult')}</Button>}
      <Button small busy={spec.busy} onClick={() => void spec.run()}>{text('saveSpec')}</Button>
      <Button small onClick={again}>{text('again')}</Button>
    </>
  );
}

/** What the plan needs, beside what the host has. */
function Room({ request: { totals, host, rows } }: { request: Request }) {
  const automatic = rows.filter((row) => row.ip === undefined).length;
  const items: [name: string, need: number, has: number, show: (value: number) => string, of: string, shared?: boolean][] = [
    [text('vcpu'), totals.vcpu, host.vcpu, number, text('has', { n: number(host.vcpu) }), true],
    [text('memory'), totals.memory, host.memory, mebibytes, text('has', { n: mebibytes(host.memory) })],
    [text('disk'), totals.disk, host.disk_free, (value) => `${number(value)} GiB`,
      `${text('free', { n: `${number(host.disk_free)} GiB` })} ${text('pool', { pool: host.pool.replace(/ \([0-9a-f-]{36}\)$/, '') })}`],
  ];
  if (host.addresses_free !== undefined) {
    items.push([text('addresses'), automatic, host.addresses_free, number, text('free', { n: number(host.addresses_free) })]);
  }
  return (
    <>
      <div class="room">
        {items.map(([name, need, has, show, of, shared]) => (
          <div key={name}>
            <div class="room-line"><strong>{name}</strong><span>{text('need', { n: show(need) })}</span><span class="muted">{of}</span></div>
            <Bar percent={has > 0 ? (need / has) * 100 : 100} label={name} tone={need <= has ? 'busy' : shared ? 'warn' : 'bad'} />
            {need > has && <p class={shared ? 'hint' : 'field-error'}>{text(shared ? 'share' : 'tooMuch')}</p>}
          </div>
        ))}
      </div>
      <p class="hint">{text('hostHow')}</p>
    </>
  );
}

/** The jobs of a request while they run. */
function Progress({ request }: { request: Request }) {
  const running = request.state === 'approved' || request.state === 'running';
  const jobs = useQuery(`request jobs ${request.id} ${request.state}`, (signal) =>
    done(api.GET('/request-vm/{id}/jobs', { signal, params: { path: { id: request.id } } })), running ? { every: 2_000 } : {});
  return (
    <Section title={text('progress')}>
      <Loaded query={jobs}>
        {({ job }) => job.length === 0 ? <p class="muted">{text('noJobs')}</p> : (
          <Table label={text('progress')} head={[text('job'), text('state'), text('progress'), text('changed')]}>
            {job.map((item) => (
              <tr key={item.id}>
                <td class="nowrap"><a href={address(['jobs', item.id])}>{item.title}</a></td>
                <td class="tight"><JobState state={item.state} /></td>
                <td>
                  <Bar percent={item.percent} label={item.title} tone={jobTone(item.state)} />
                  {item.error && <p class="field-error">{item.error}</p>}
                </td>
                <td class="tight"><Moment at={item.changed_at} /></td>
              </tr>
            ))}
          </Table>
        )}
      </Loaded>
    </Section>
  );
}

function Reject({ request, set, close }: { request: Request; set: (to: Request) => void; close: () => void }) {
  const [reason, setReason] = useState('');
  const reject = useAction(async () => {
    set(await done(api.POST('/request-vm/{id}/reject', { params: { path: { id: request.id }, header: once() }, body: { reason } })));
    toast.done(text('rejected'));
    close();
  }, { quiet: true });
  return (
    <Dialog title={text('rejectTitle', { id: request.id })} onClose={close}>
      <Form onSubmit={() => reject.run()}>
        <Field label={text('rejectReason')} value={reason} onInput={setReason} rows={3} required hint={text('rejectHow')} error={reject.problem?.field('reason')} />
        {reject.problem && <ProblemBox problem={reject.problem} />}
        <div class="actions actions-end">
          <Button onClick={close}>{shared('cancel')}</Button>
          <Button type="submit" kind="danger" busy={reject.busy} blocked={!reason.trim() && text('rejectEmpty')}>{text('reject')}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
