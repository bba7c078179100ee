import { useState } from 'preact/hooks';
import { api, done, once, type Api } from '../../api/client';
import { useAction } from '../../api/query';
import { address, go } from '../../lib/router';
import { text as shared } from '../../messages';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Field, Form } from '../../ui/form';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text } from './messages';
import { namesOf } from './names';

/** Asks where and how a script runs, and starts it. */
export function RunDialog({ script, vms, close }: { script: Api['Script']; vms: string; close: () => void }) {
  const [on, setOn] = useState(vms || script.vm.join(', '));
  const [typed, setTyped] = useState('');
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [timeout, setLimit] = useState('');
  const [atOnce, setAtOnce] = useState('');
  const run = useAction(async () => {
    const item: Api['NewRun'] = {
      script: script.name,
      vm: namesOf(on),
      ...(typed ? { arguments: typed.replace(/\n$/, '').split('\n') } : {}),
      ...(user ? { user, password } : {}),
      ...(timeout ? { timeout: Number(timeout) } : {}),
      ...(atOnce ? { at_once: Number(atOnce) } : {}),
    };
    const begun = await done(api.POST('/vm/script/run', { params: { header: once() }, body: { run: [item] } }));
    toast.done(text('started'));
    const id = begun.run[0]?.id;
    if (id !== undefined) go(address(['runs', id]));
  }, { quiet: true });
  const { problem } = run;
  return (
    <Dialog title={text('runTitle', { name: script.name })} onClose={close}>
      <Form onSubmit={() => run.run()}>
        <Field label={text('runOn')} value={on} onInput={setOn} required hint={text('runOnHow')} error={problem?.field('vm')} />
        <Field label={text('arguments')} value={typed} onInput={setTyped} rows={2} mono hint={text('argumentsHow')} error={problem?.field('arguments')} />
        <div class="form-row">
          <Field label={text('user')} value={user} onInput={setUser} hint={text('userHow')} error={problem?.field('user')} />
          <Field label={text('password')} type="password" value={password} onInput={setPassword} error={problem?.field('password')} />
        </div>
        <div class="form-row">
          <Field label={text('timeout')} type="number" value={timeout} onInput={setLimit} hint={text('timeoutHow')} error={problem?.field('timeout')} />
          <Field label={text('atOnce')} type="number" value={atOnce} onInput={setAtOnce} hint={text('atOnceHow')} error={problem?.field('at_once')} />
        </div>
        {problem && <ProblemBox problem={problem} />}
        <div class="actions actions-end">
          <Button onClick={close}>{shared('cancel')}</Button>
          <Button type="submit" kind="primary" busy={run.busy} blocked={namesOf(on).length === 0 && text('runEmpty')}>{text('run')}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
