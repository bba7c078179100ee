import { useState } from 'preact/hooks';
import { api, done } from '../../api/client';
import { useAction } from '../../api/query';
import { me, readSession } from '../../api/session';
import { Button } from '../../ui/button';
import { Field, Form } from '../../ui/form';
import { Section } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text } from './messages';

/** Changes the password of the account. */
export function Password() {
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [again, setAgain] = useState('');
  const change = useAction(async () => {
    const item = { user: me(), 'old-password': old, 'new-password': fresh };
    await done(api.PUT('/config/update-password', { body: { 'update-password': [item] } }));
    toast.done(text('changed'));
    await readSession();
  }, { quiet: true });
  const differ = again !== '' && fresh !== again;
  const blocked = !old || !fresh || !again ? text('fill') : differ ? text('differ') : undefined;
  return (
    <Section title={text('password')}>
      <Form onSubmit={() => change.run()}>
        <Field label={text('old')} type="password" autocomplete="current-password" value={old} onInput={setOld} required
          error={change.problem?.field('old-password')} />
        <Field label={text('new')} type="password" autocomplete="new-password" value={fresh} onInput={setFresh} required
          error={change.problem?.field('new-password')} />
        <Field label={text('repeat')} type="password" autocomplete="new-password" value={again} onInput={setAgain} required
          error={differ ? text('differ') : undefined} />
        <p class="hint">{text('changeHow')}</p>
        {change.problem && <ProblemBox problem={change.problem} />}
        <div class="actions"><Button type="submit" kind="primary" blocked={blocked} busy={change.busy}>{text('change')}</Button></div>
      </Form>
    </Section>
  );
}
