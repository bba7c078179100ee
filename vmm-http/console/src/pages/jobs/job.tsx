import { useEffect } from 'preact/hooks';
import { api, done, follow, once, type Api } from '../../api/client';
import { useAction, useQuery } from '../../api/query';
import { isAdmin } from '../../api/session';
import { address } from '../../lib/router';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Bar, Facts, Loaded, Moment, PageHead, Section, Status, Table, type Tone } from '../../ui/parts';
import { toast } from '../../ui/toasts';
import { JobState, jobEnded, jobTone } from '../../words';
import type { PageProperties } from '../define';
import { text } from './messages';

const STEP: Record<Api['StepState'], Tone> = { waiting: 'quiet', acting: 'busy', done: 'good', undoing: 'warn', undone: 'quiet' };

export default function JobPage({ parameters }: PageProperties) {
  const id = Number(parameters.id);
  const job = useQuery(`job ${id}`, (signal) => done(api.GET('/job/{id}', { signal, params: { path: { id } } })));
  const live = job.data !== undefined && !jobEnded(job.data.state);
  const { set } = job;
  useEffect(() => {
    if (!live) return undefined;
    const own = new AbortController();
    follow(`/job/${id}/events`, own.signal, (event) => {
      const now = JSON.parse(event.data) as Api['Job'];
      set(now);
      return jobEnded(now.state);
    }).catch(toast.problem);
    return () => own.abort();
  }, [live, id, set]);
  return (
    <>
      {!job.data && <PageHead title={`${text('job')} ${parameters.id ?? ''}`} />}
      <Loaded query={job}>{(data) => <Known job={data} reload={job.reload} />}</Loaded>
    </>
  );
}

function Known({ job, reload }: { job: Api['Job']; reload: () => Promise<void> }) {
  const path = { id: job.id };
  const retry = useAction(async () => {
    await done(api.POST('/job/{id}/retry', { params: { path, header: once() } }));
    toast.done(text('retried'));
    await reload();
  });
  const cancel = () => confirm({
    title: text('cancelAsk', { title: job.title }),
    detail: text('cancelHow'),
    action: text('cancel'),
    danger: true,
    act: async () => {
      await done(api.POST('/job/{id}/cancel', { params: { path, header: once() } }));
      toast.done(text('cancelled'));
      await reload();
    },
  });
  const close = () => confirm({
    title: text('closeAsk', { title: job.title }),
    detail: text('closeHow'),
    action: text('close'),
    danger: true,
    act: async () => {
      await done(api.POST('/job/{id}/close', { params: { path, header: once() } }));
      toast.done(text('closed'));
      await reload();
    },
  });
  const stuck = (!isAdmin() && shared('adminOnly')) || (job.state !== 'stuck' && text('notStuck'));
  const running = job.state === 'queued' || job.state === 'running';
  return (
    <>
      <PageHead title={<span class="status">{job.title}</span>} lead={job.kind}>
        <Button small blocked={job.cancel ? text('cancelling') : !running && text('ended')} onClick={cancel}>{text('cancel')}</Button>
        <Button small blocked={stuck} busy={retry.busy} onClick={() => void retry.run()}>{text('retry')}</Button>
        <Button small blocked={stuck} onClick={close}>{text('close')}</Button>
      </PageHead>
      {job.error && <p class="problem" role="alert">{job.error}</p>}
      <Section title={text('progress')}>
        <Bar percent={job.percent} label={job.title} tone={jobTone(job.state)} />
        <Facts items={[
          [text('state'), <JobState state={job.state} />],
          [text('request'), job.request && <a href={address(['requests', job.request])}>{job.request}</a>],
          [text('created'), <Moment at={job.created_at} />],
          [text('changed'), <Moment at={job.changed_at} />],
        ]} />
      </Section>
      <Section title={text('steps')}>
        <Table label={text('steps')} head={[text('step'), text('state'), text('changed')]}>
          {job.steps.map((step) => (
            <tr key={step.name}>
              <td>{step.name}</td>
              <td><Status tone={STEP[step.state]}>{text(`step.${step.state}`)}</Status></td>
              <td class="tight"><Moment at={step.changed_at} /></td>
            </tr>
          ))}
        </Table>
      </Section>
    </>
  );
}
