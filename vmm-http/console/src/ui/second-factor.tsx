import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { api, done, onSecondFactorNeeded } from '../api/client';
import { useAction } from '../api/query';
import { text } from '../messages';
import { Button } from './button';
import { Dialog } from './dialog';
import { Field, Form } from './form';
import { ProblemBox } from './problem';

/** Takes the answer of the person: whether the code was given. */
const waiting = signal<((given: boolean) => void) | null>(null);

onSecondFactorNeeded(
  () =>
    new Promise((resolve) => {
      // Calls that come while the question is open wait for the same answer.
      const before = waiting.value;
      waiting.value = (given) => {
        before?.(given);
        resolve(given);
      };
    }),
);

/** The question for the code of the second factor, while something waits for it. */
export function SecondFactorQuestion() {
  return waiting.value && <Question />;
}

function Question() {
  const [code, setCode] = useState('');
  const answer = (given: boolean) => {
    const resolve = waiting.value;
    waiting.value = null;
    resolve?.(given);
  };
  const give = useAction(
    async () => {
      await done(api.POST('/second-factor/code', { body: { code } }));
      answer(true);
    },
    { quiet: true },
  );
  const wrong = give.problem?.field('code');
  return (
    <Dialog title={text('secondFactor.title')} onClose={() => answer(false)}>
      <Form onSubmit={() => give.run()}>
        <p>{text('secondFactor.detail')}</p>
        <Field label={text('signIn.code')} value={code} onInput={setCode} autocomplete="one-time-code" error={wrong} required autofocus />
        {give.problem && !wrong && <ProblemBox problem={give.problem} />}
        <div class="actions actions-end">
          <Button onClick={() => answer(false)}>{text('cancel')}</Button>
          <Button type="submit" kind="primary" busy={give.busy} blocked={!code && text('signIn.emptyCode')}>{text('secondFactor.give')}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
