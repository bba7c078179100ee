import { useState } from 'preact/hooks';
import { api, done, type Api } from '../../api/client';
import { useAction, useQuery } from '../../api/query';
import { isAdmin } from '../../api/session';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Facts, Section } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text } from './messages';

/** Says what differs between the definition on the host and the record, if anything does. */
export function Definition({ vm, reload }: { vm: Api['Vm']; reload: () => void }) {
  const known = !vm.adopted && vm.status !== 'request';
  const found = useQuery(known ? `definition ${vm.name}` : null, (signal) =>
    done(api.GET('/vm/definition', { signal, params: { query: { vm: vm.name } } })), { every: 60_000 });
  const definition = found.data;
  if (!definition || definition.matches) return null;
  const accept = () => confirm({
    title: text('acceptAsk', { name: vm.name }),
    names: definition.differences.map((item) => item.text),
    action: text('accept'),
    act: async () => {
      await done(api.PUT('/vm/definition', { params: { query: { vm: vm.name } }, body: { digest: definition.digest } }));
      toast.done(text('accepted'));
      await found.reload();
      reload();
    },
  });
  return (
    <div class="note" role="status">
      <strong>{text('differs')}</strong>
      <ul>{definition.differences.map((item) => <li key={item.name}>{item.text}</li>)}</ul>
      <p>{text('differsHow')}</p>
      <Button small blocked={!isAdmin() && shared('adminOnly')} onClick={accept}>{text('accept')}</Button>
    </div>
  );
}

/** Compares the recorded host key with the one that the machine shows. */
export function HostKey({ vm, reload }: { vm: Api['Vm']; reload: () => void }) {
  const [key, setKey] = useState<Api['VmHostKey'] | null>(null);
  const compare = useAction(async () => setKey(await done(api.GET('/vm/host-key', { params: { query: { vm: vm.name } } }))), { quiet: true });
  const accept = useAction(async (host_key: string) => {
    await done(api.PUT('/vm/host-key', {
      params: { query: { vm: vm.name }, header: { 'If-Match': `"${vm.revision}"` } },
      body: { host_key },
    }));
    toast.done(text('keyAccepted'));
    setKey(null);
    reload();
  });
  const off = vm.status === 'on' ? undefined : text('commandOff', { name: vm.name });
  return (
    <Section title={text('hostKey')}
      actions={<Button small busy={compare.busy} blocked={off} onClick={() => void compare.run()}>{text('compareKey')}</Button>}>
      <Facts items={[[text('hostKey'), <code>{key ? key.recorded.fingerprint : vm.host_key}</code>]]} />
      <div role="status">
        {key && (key.matches
          ? <p>{text('keySame')}</p>
          : key.shown
            ? (
              <div class="note">
                <p>{text('keyDiffers', { key: key.shown.fingerprint })}</p>
                <Button small busy={accept.busy} blocked={!isAdmin() && shared('adminOnly')}
                  onClick={() => void accept.run(key.shown?.key ?? '')}>
                  {text('keyAccept')}
                </Button>
              </div>
            )
            : <p>{[text('keyUnread'), key.error?.detail].filter(Boolean).join(' ')}</p>)}
      </div>
      {compare.problem && <ProblemBox problem={compare.problem} />}
    </Section>
  );
}
