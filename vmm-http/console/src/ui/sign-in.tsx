import { useState } from 'preact/hooks';
import { useAction } from '../api/query';
import { signIn } from '../api/session';
import { place } from '../lib/router';
import { text } from '../messages';
import { Button } from './button';
import { Field, Form } from './form';
import { ProblemBox } from './problem';
import { LanguageChoice, ThemeButton } from './settings';

/** The form that an account signs in with. The address stays, so that the page which was asked for appears afterwards. */
export function SignIn() {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const action = useAction(() => signIn(name, password), { quiet: true });
  const refused = action.problem?.status === 401;
  const submit = async () => {
    if (!(await action.run())) setPassword('');
  };
  return (
    <main class="sign-in" id="main" tabIndex={-1}>
      <div class="sign-in-card">
        <h1>{text('signIn.title')}</h1>
        {place.value.path !== '/' && <p class="muted">{text('signIn.back')}</p>}
        <Form onSubmit={submit}>
          <Field label={text('signIn.name')} value={name} onInput={setName} autocomplete="username" required autofocus />
          <Field label={text('signIn.password')} value={password} onInput={setPassword} type="password" autocomplete="current-password" required />
          {refused && <p class="field-error" role="alert">{text('signIn.refused')}</p>}
          {action.problem && !refused && <ProblemBox problem={action.problem} />}
          <Button type="submit" kind="primary" busy={action.busy} blocked={!name || !password ? text('signIn.empty') : undefined}>
            {text('signIn.action')}
          </Button>
        </Form>
      </div>
      <div class="sign-in-settings"><LanguageChoice /><ThemeButton /></div>
    </main>
  );
}
