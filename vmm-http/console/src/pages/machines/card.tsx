import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { api, done, type Api } from '../../api/client';
import { useQuery, type Query } from '../../api/query';
import { isAdmin } from '../../api/session';
import { duration, mebibytes, number } from '../../lib/language';
import { address, go } from '../../lib/router';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { Empty, Facts, Loaded, Moment, PageHead, Section } from '../../ui/parts';
import { VmState } from '../../words';
import type { PageProperties } from '../define';
import { Command } from './command';
import { Definition, HostKey } from './definition';
import { Disks } from './disks';
import { Edit } from './edit';
import { Audit, Jobs } from './history';
import { FirstLogin } from './login';
import { text } from './messages';
import { POWER, power, powerBlocked, remove } from './power';
import './page.css';

const EVERY = 5_000;
const HOUR = 3_600;

export default function Card({ parameters }: PageProperties) {
  const name = parameters.name ?? '';
  const vm = useQuery(`vm ${name}`, (signal) => done(api.GET('/db/vm/{name}', { signal, params: { path: { name } } })), { every: EVERY });
  return (
    <>
      {!vm.data && <PageHead title={name} />}
      <Loaded query={vm}>{(data) => <Known vm={data} reload={() => void vm.reload()} />}</Loaded>
    </>
  );
}

function Known({ vm, reload }: { vm: Api['VmWithDisks']; reload: () => void }) {
  const [editing, setEditing] = useState(false);
  const monitor = useQuery(vm.status === 'request' ? null : `monitor ${vm.name}`, (signal) =>
    done(api.GET('/vm/monitor', { signal, params: { query: { vm: vm.name, window: HOUR } } })), { every: 10_000 });
  const now = monitor.data;
  const used = now?.history?.points.at(-1)?.memory_used;
  return (
    <>
      <PageHead title={<span class="head-line">{vm.name}<small><VmState vm={vm} /></small></span>} lead={vm.description}>
        {POWER.filter((action) => action !== 'discard-saved' || vm.status === 'saved').map((action) => (
          <Button key={action} small blocked={powerBlocked(action, vm)} onClick={() => power(action, [vm], reload)}>{text(action)}</Button>
        ))}
        <Button small blocked={!isAdmin() && shared('adminOnly')} onClick={() => setEditing(true)}>{text('edit')}</Button>
        <Button small kind="danger" blocked={!isAdmin() && shared('adminOnly')}
          onClick={() => remove([vm], () => go(address(['machines'])))}>
          {text('remove')}
        </Button>
      </PageHead>
      <Definition vm={vm} reload={reload} />
      <Section title={text('facts')}>
        <Facts items={[
          [text('addresses'), <span class="mono">{now && now.addresses.length > 0 ? now.addresses.join(', ') : vm.ip}</span>],
          [text('hostname'), vm.hostname],
          [text('vcpu'), vm.vcpu],
          [text('memory'), mebibytes(vm.memory)],
          [text('cpuNow'), now?.cpu_percent !== undefined && `${number(now.cpu_percent)} %`],
          [text('memoryNow'), used !== undefined && mebibytes(used)],
          [text('uptime'), now?.uptime !== undefined && duration(now.uptime)],
          [text('user'), <a href={address(['machines'], { user: vm.user })}>{vm.user}</a>],
          [text('group'), vm.group_name && <a href={address(['machines'], { group_name: vm.group_name })}>{vm.group_name}</a>],
          [text('os'), <OsName id={vm.os} />],
          [text('request'), vm.request && <a href={address(['requests', vm.request])}>{vm.request}</a>],
          [text('login'), vm.login],
          [text('mac'), <span class="mono">{vm.mac}</span>],
          [text('adopted'), shared(vm.adopted ? 'yes' : 'no')],
          [text('created'), <Moment at={vm.created_at} />],
        ]} />
      </Section>
      <Section title={text('charts')}><History monitor={monitor} /></Section>
      <Disks vm={vm} reload={reload} />
      <div class="columns">
        <FirstLogin vm={vm} />
        <HostKey vm={vm} reload={reload} />
      </div>
      <Command vm={vm} />
      <div class="columns">
        <Jobs vm={vm} />
        {isAdmin() && <Audit vm={vm} />}
      </div>
      {editing && <Edit vm={vm} close={() => setEditing(false)} reload={reload} />}
    </>
  );
}

function OsName({ id }: { id: number | undefined }) {
  const os = useQuery(id === undefined ? null : `os ${id}`, (signal) => done(api.GET('/db/os/{id}', { signal, params: { path: { id: id ?? 0 } } })));
  return <>{os.data ? `${os.data.name}:${os.data.version}` : shared('none')}</>;
}

/** Charts come in a chunk of their own, once there is something to draw. */
function History({ monitor }: { monitor: Query<Api['Monitor']> }) {
  const [Charts, setCharts] = useState<{ view: ComponentType<{ history: Api['MonitorHistory'] }> } | null>(null);
  const history = monitor.data?.history;
  const any = history !== undefined && history.points.length > 1;
  useEffect(() => {
    if (any) void import('./charts').then((module) => setCharts({ view: module.default }));
  }, [any]);
  if (!any) return <Empty title={text('chartsOff')}>{text('chartsOffHow')}</Empty>;
  return Charts ? <Charts.view history={history} /> : <div class="chart-box" />;
}
