import { useState } from 'preact/hooks';
import { api, done, once, type Api } from '../../api/client';
import { useAction } from '../../api/query';
import { isAdmin, me } from '../../api/session';
import { number } from '../../lib/language';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { confirm, Dialog } from '../../ui/dialog';
import { Field, Form } from '../../ui/form';
import { Section, Table } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text } from './messages';

/** Returns why the disks of a machine cannot be changed, if so. */
function blocked(vm: Api['Vm']): string | undefined {
  if (!isAdmin() && vm.user !== me()) return text('notYours', { user: vm.user });
  if (vm.adopted) return text('diskAdopted');
  return vm.status === 'off' ? undefined : text('diskOff', { name: vm.name });
}

/** The disks of a machine. */
export function Disks({ vm, reload }: { vm: Api['VmWithDisks']; reload: () => void }) {
  const [asked, setAsked] = useState<'add' | Api['Disk'] | null>(null);
  const why = blocked(vm);
  const removeDisk = (disk: Api['Disk']) => confirm({
    title: text('removeDiskAsk', { id: disk.id, name: vm.name }),
    detail: text('removeDiskHow'),
    names: [disk.volume ?? String(disk.id)],
    action: text('removeDisk'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/db/disk', { params: { query: { id: disk.id } } }));
      toast.done(text('removeDiskDone'));
      reload();
    },
  });
  return (
    <Section title={text('disks')} actions={<Button small blocked={why} onClick={() => setAsked('add')}>{text('addDisk')}</Button>}>
      <Table label={text('disks')} head={[text('diskId'), text('role'), text('size'), text('volume'), text('actions')]}>
        {vm.disk.map((disk) => {
          const busy = disk.job !== undefined ? text('diskJob') : undefined;
          return (
            <tr key={disk.id}>
              <td class="tight">{disk.id}</td>
              <td class="tight">{text(`role.${disk.role}`)}</td>
              <td class="nowrap">
                {`${number(disk.disk_size)} GiB`}
                {disk.grow_to !== undefined && <span class="muted">{` ${text('growing', { size: disk.grow_to })}`}</span>}
              </td>
              <td class="mono">{disk.volume ?? disk.disk_path}</td>
              <td class="tight">
                <div class="actions">
                  <Button small blocked={why ?? busy} onClick={() => setAsked(disk)}>{text('grow')}</Button>
                  <Button small
                    blocked={(!isAdmin() && shared('adminOnly')) || (disk.role === 'system' ? text('diskSystem') : why ?? busy)}
                    onClick={() => removeDisk(disk)}>
                    {text('removeDisk')}
                  </Button>
                </div>
              </td>
            </tr>
          );
        })}
      </Table>
      {asked && <Size vm={vm} disk={asked === 'add' ? null : asked} close={() => setAsked(null)} reload={reload} />}
    </Section>
  );
}

function Size({ vm, disk, close, reload }: { vm: Api['Vm']; disk: Api['Disk'] | null; close: () => void; reload: () => void }) {
  const [size, setSize] = useState(disk ? String(disk.disk_size * 2) : '20');
  const save = useAction(async () => {
    const disk_size = Number(size);
    if (disk) await done(api.PUT('/db/disk', { body: { disk: [{ id: disk.id, disk_size }] } }));
    else await done(api.POST('/db/disk', { params: { header: once() }, body: { disk: [{ vm: vm.name, disk_size }] } }));
    toast.done(text(disk ? 'growDone' : 'addDone'));
    reload();
    close();
  }, { quiet: true });
  const title = disk ? text('growTitle', { id: disk.id, name: vm.name }) : text('addTitle', { name: vm.name });
  return (
    <Dialog title={title} onClose={close}>
      <Form onSubmit={() => save.run()}>
        <Field label={text(disk ? 'newSize' : 'sizeGib')} type="number" value={size} onInput={setSize} required
          hint={disk ? text('growHow', { size: disk.disk_size }) : undefined} error={save.problem?.field('disk_size')} />
        {save.problem && <ProblemBox problem={save.problem} />}
        <div class="actions actions-end">
          <Button onClick={close}>{shared('cancel')}</Button>
          <Button type="submit" kind="primary" busy={save.busy}>{text(disk ? 'grow' : 'addDisk')}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
