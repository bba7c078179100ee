import { api, done } from '../../api/client';
import { useQuery } from '../../api/query';
import { isAdmin } from '../../api/session';
import { address } from '../../lib/router';
import { Bar, Empty, Loaded, Moment, PageHead, Section } from '../../ui/parts';
import { text } from './messages';
import './page.css';

const EVERY = 10_000;

/** Reads all that the start page shows. */
async function readOverview(signal: AbortSignal) {
  const list = { signal, params: { query: { limit: 100 } } };
  const jobs = (state: 'running' | 'queued' | 'stuck') => done(api.GET('/job', { signal, params: { query: { state, limit: 100 } } }));
  const [vms, pending, running, queued, stuck, runs] = await Promise.all([
    done(api.GET('/db/vm', list)),
    done(api.GET('/request-vm', { signal, params: { query: { state: 'pending', limit: 100 } } })),
    jobs('running'),
    jobs('queued'),
    jobs('stuck'),
    done(api.GET('/vm/script/run', { signal, params: { query: { state: 'running', limit: 100 } } })),
  ]);
  return { vms, pending, running, queued, stuck, runs };
}

export default function Overview() {
  const query = useQuery('overview', readOverview, { every: EVERY });
  return (
    <>
      <PageHead title={text('title')} />
      <Loaded query={query}>
        {({ vms, pending, running, queued, stuck, runs }) => (
          <>
            {vms.vm.length === 0 && pending['request-vm'].length === 0 && (
              <Empty title={text('welcome')}
                action={isAdmin()
                  ? <a class="button button-primary" href={address(['catalog'])}>{text('catalog')}</a>
                  : <a class="button button-primary" href={address(['requests', 'new'])}>{text('newRequest')}</a>}>
                {text(isAdmin() ? 'firstAdmin' : 'firstUser')}
              </Empty>
            )}
            <ul class="tiles">
              <Tile href={address(['machines'])} name={text('machines')} count={vms.vm.length} more={vms.next} />
              <Tile href={address(['requests'], { state: 'pending' })} name={text('requests')} count={pending['request-vm'].length} more={pending.next} />
              <Tile href={address(['jobs'])} name={text('jobs')} count={running.job.length + queued.job.length} more={queued.next} />
              <Tile href={address(['jobs'], { state: 'stuck' })} name={text('stuck')} count={stuck.job.length} more={stuck.next} alarm />
              <Tile href={address(['runs'])} name={text('runs')} count={runs.run.length} more={runs.next} />
            </ul>
            <div class="columns">
              <Section title={text('open')}>
                {pending['request-vm'].length === 0
                  ? (
                    <Empty title={text('noRequests')} action={<a class="button" href={address(['requests', 'new'])}>{text('newRequest')}</a>}>
                      {text('noRequestsHow')}
                    </Empty>
                  )
                  : (
                    <ul class="plain-list">
                      {pending['request-vm'].slice(0, 8).map((item) => (
                        <li key={item.id}>
                          <a href={address(['requests', item.id])}>{item.id}</a>
                          <span class="muted">{text('byWhom', { name: item.requester, n: item.totals.vms })}</span>
                          <span class="muted push"><Moment at={item.created_at} /></span>
                        </li>
                      ))}
                    </ul>
                  )}
              </Section>
              <Section title={text('progress')}>
                {running.job.length + queued.job.length === 0
                  ? <Empty title={text('noJobs')}>{text('noJobsHow')}</Empty>
                  : (
                    <ul class="plain-list">
                      {[...running.job, ...queued.job].slice(0, 8).map((job) => (
                        <li key={job.id}>
                          <a href={address(['jobs', job.id])}>{job.title}</a>
                          <span class="push overview-bar"><Bar percent={job.percent} label={job.title} /></span>
                        </li>
                      ))}
                    </ul>
                  )}
              </Section>
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}

function Tile({ href, name, count, more, alarm }: {
  href: string;
  name: string;
  count: number;
  more: string | undefined;
  alarm?: boolean;
}) {
  return (
    <li>
      <a class={alarm && count > 0 ? 'tile tile-alarm' : 'tile'} href={href}>
        <strong>{more === undefined ? count : text('atLeast', { n: count })}</strong>
        <span>{name}</span>
      </a>
    </li>
  );
}
