import { useState } from 'preact/hooks';
import { api, done, type Api } from '../../api/client';
import { useAction } from '../../api/query';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Field, Form } from '../../ui/form';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text } from './messages';

/** Changes the record of a machine. */
export function Edit({ vm, close, reload }: { vm: Api['Vm']; close: () => void; reload: () => void }) {
  const [user, setUser] = useState(vm.user);
  const [group, setGroup] = useState(vm.group_name ?? '');
  const [description, setDescription] = useState(vm.description);
  const save = useAction(async () => {
    const change = { name: vm.name, user, group_name: group || null, description };
    await done(api.PUT('/db/vm', {
      params: { header: { 'If-Match': `"${vm.revision}"` } },
      // The specification has no null, which clears the group.
      body: { vm: [change as Api['VmChange']] },
    }));
    toast.done(text('saved'));
    reload();
    close();
  }, { quiet: true });
  return (
    <Dialog title={text('editTitle', { name: vm.name })} onClose={close}>
      <Form onSubmit={() => save.run()}>
        <p class="hint">{text('editHow')}</p>
        <Field label={text('user')} value={user} onInput={setUser} required error={save.problem?.field('user')} />
        <Field label={text('group')} value={group} onInput={setGroup} hint={text('patternHint')} error={save.problem?.field('group_name')} />
        <Field label={text('description')} value={description} onInput={setDescription} rows={3} error={save.problem?.field('description')} />
        {save.problem && <ProblemBox problem={save.problem} />}
        <div class="actions actions-end">
          <Button onClick={close}>{shared('cancel')}</Button>
          <Button type="submit" kind="primary" busy={save.busy}>{shared('save')}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
