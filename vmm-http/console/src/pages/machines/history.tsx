import { api, done, type Api } from '../../api/client';
import { useQuery } from '../../api/query';
import { address } from '../../lib/router';
import { Bar, Loaded, Moment, Section, Table } from '../../ui/parts';
import { JobState, jobEnded, jobTone, Outcome } from '../../words';
import { text } from './messages';

/** The newest jobs of a machine. */
export function Jobs({ vm }: { vm: Api['Vm'] }) {
  const jobs = useQuery(`jobs ${vm.name}`, async (signal) => {
    const page = (request?: string) =>
      done(api.GET('/job', { signal, params: { query: { limit: 500, ...(request === undefined ? {} : { request }) } } }));
    const [newest, own] = await Promise.all([page(), vm.request === undefined ? null : page(vm.request)]);
    const all = new Map([...newest.job, ...(own?.job ?? [])].map((job) => [job.id, job]));
    return [...all.values()]
      .filter((job) => job.title.split(/[^a-z0-9-]+/).includes(vm.name))
      .sort((a, b) => b.id - a.id)
      .slice(0, 10);
  }, { every: 5_000 });
  return (
    <Section title={text('jobs')}>
      <Loaded query={jobs}>
        {(items) => items.length === 0 ? <p class="muted">{text('noJobs')}</p> : (
          <Table label={text('jobs')} head={[text('job'), text('state'), text('changed')]}>
            {items.map((job) => (
              <tr key={job.id}>
                <td><a href={address(['jobs', job.id])}>{`${job.kind} ${job.title}`}</a></td>
                <td class="tight">
                  <JobState state={job.state} />
                  {!jobEnded(job.state) && <Bar percent={job.percent} label={job.title} tone={jobTone(job.state)} />}
                </td>
                <td class="tight"><Moment at={job.changed_at} /></td>
              </tr>
            ))}
          </Table>
        )}
      </Loaded>
    </Section>
  );
}

/** The newest rows of the audit log about a machine. */
export function Audit({ vm }: { vm: Api['Vm'] }) {
  const target = `vm ${vm.name}`;
  const audit = useQuery(`audit ${vm.name}`, (signal) =>
    done(api.GET('/audit', { signal, params: { query: { target, limit: 10 } } })), { every: 15_000 });
  return (
    <Section title={text('audit')} actions={<a href={address(['audit'], { target })}>{text('allAudit')}</a>}>
      <Loaded query={audit}>
        {({ audit: items }) => items.length === 0 ? <p class="muted">{text('noAudit')}</p> : (
          <Table label={text('audit')} head={[text('when'), text('who'), text('what'), text('outcome')]}>
            {items.map((item) => (
              <tr key={item.id}>
                <td class="tight"><Moment at={item.at} /></td>
                <td class="tight">{item.actor}</td>
                <td title={item.detail}>{item.action}</td>
                <td class="tight"><Outcome outcome={item.outcome} /></td>
              </tr>
            ))}
          </Table>
        )}
      </Loaded>
    </Section>
  );
}
