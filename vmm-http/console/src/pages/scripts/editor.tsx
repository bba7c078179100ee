import { useState } from 'preact/hooks';
import { api, done, once, type Api } from '../../api/client';
import { useAction } from '../../api/query';
import { Button } from '../../ui/button';
import { Field, Form } from '../../ui/form';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text as shared } from '../../messages';
import { text } from './messages';
import { namesOf } from './names';

/** The form of a script, new or known. */
export function Editor({ script, blocked, saved }: {
  script: Api['ScriptWithContent'] | null;
  blocked?: string | false;
  saved: (script: Api['Script']) => unknown;
}) {
  const [name, setName] = useState(script?.name ?? '');
  const [file, setFile] = useState(script?.file ?? 'script.sh');
  const [command, setCommand] = useState(script?.command ?? '');
  const [vms, setVms] = useState(script?.vm.join(', ') ?? '');
  const [content, setContent] = useState(script?.content ?? '#!/bin/sh\nset -eu\n');
  const [user, setUser] = useState(script?.user ?? '');
  const [password, setPassword] = useState('');
  const save = useAction(async () => {
    const login = password ? { user, password } : {};
    const item = { name, file, content, vm: namesOf(vms), ...(command ? { command } : {}), ...login };
    const answer = script
      ? await done(api.PUT('/vm/script', { body: { script: [item] } }))
      : await done(api.POST('/vm/script', { params: { header: once() }, body: { script: [item] } }));
    const made = answer.script[0];
    if (!made) return;
    toast.done(text('saved', { n: made.version }), made.mended?.join(' '));
    await saved(made);
  }, { quiet: true });
  const { problem } = save;
  return (
    <Form onSubmit={() => save.run()}>
      <div class="form-row">
        {!script && <Field label={text('name')} value={name} onInput={setName} required hint={text('nameHow')} error={problem?.field('name')} />}
        <Field label={text('file')} value={file} onInput={setFile} required hint={text('fileHow')} error={problem?.field('file')} />
        <Field label={text('interpreter')} value={command} onInput={setCommand} hint={text('interpreterHow')} error={problem?.field('command')} />
      </div>
      <Field label={text('content')} value={content} onInput={setContent} rows={16} mono required error={problem?.field('content')} />
      <Field label={text('machines')} value={vms} onInput={setVms} hint={text('machinesHow')} error={problem?.field('vm')} />
      <div class="form-row">
        <Field label={text('storedUser')} value={user} onInput={setUser} hint={text('storedHow')} error={problem?.field('user')} />
        <Field label={text('storedPassword')} type="password" autocomplete="new-password" value={password} onInput={setPassword}
          hint={script?.user ? text('keepHow') : undefined} error={problem?.field('password')} />
      </div>
      {problem && <ProblemBox problem={problem} />}
      <div class="actions">
        <Button type="submit" kind="primary" busy={save.busy} blocked={blocked || (!name || !file || !content ? text('fill') : undefined)}>
          {shared('save')}
        </Button>
      </div>
    </Form>
  );
}
