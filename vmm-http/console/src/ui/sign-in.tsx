import { useState } from 'preact/hooks';
import { asProblem } from '../api/problem';
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
  const [code, setCode] = useState('');
  const [needsCode, setNeedsCode] = useState(false);
  const action = useAction(
    async () => {
      try {
        await signIn(name, password, code);
      } catch (error) {
        const problem = asProblem(error);
        if (problem.kind === 'second-factor') setNeedsCode(true);
        // Who has to type the code as well keeps the password.
        else if (problem.field('code') === undefined) setPassword('');
        setCode('');
        throw problem;
      }
    },
    { quiet: true },
  );
  const refused = action.problem?.status === 401;
  const wrongCode = action.problem?.field('code');
  const shown = action.problem?.kind === 'second-factor' || wrongCode ? null : action.problem;
  return (
    <main class="sign-in" id="main" tabIndex={-1}>
      <div class="sign-in-card">
        <h1>{text('signIn.title')}</h1>
        {place.value.path !== '/' && <p class="muted">{text('signIn.back')}</p>}
        <Form onSubmit={() => action.run()}>
          <Field label={text('signIn.name')} value={name} onInput={setName} autocomplete="username" required autofocus />
          <Field label={text('signIn.password')} value={password} onInput={setPassword} type="password" autocomplete="current-password" required />
          {needsCode && (
            <Field label={text('signIn.code')} value={code} onInput={setCode} autocomplete="one-time-code" hint={text('signIn.codeHow')}
              error={wrongCode} required autofocus />
          )}
          {refused && <p class="field-error" role="alert">{text('signIn.refused')}</p>}
          {shown && !refused && <ProblemBox problem={shown} />}
          <Button type="submit" kind="primary" busy={action.busy} blocked={!name || !password ? text('signIn.empty') : needsCode && !code ? text('signIn.emptyCode') : undefined}>
            {text('signIn.action')}
          </Button>
        </Form>
      </div>
      <div class="sign-in-settings"><LanguageChoice /><ThemeButton /></div>
    </main>
  );
}
