import { useEffect, useState } from 'preact/hooks';
import { api, done, type Api } from '../../api/client';
import { useAction, useQuery } from '../../api/query';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Field, Form } from '../../ui/form';
import { Loaded, Moment, Secret, Section } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text } from './messages';

/** The second factor of the account: whether there is one, and how to set it up. */
export function SecondFactor() {
  const [codes, setCodes] = useState<readonly string[]>([]);
  const factor = useQuery('second-factor', (signal) => done(api.GET('/second-factor', { signal })));
  const turnOff = () => confirm({
    title: text('turnOffAsk'),
    detail: text('turnOffHow'),
    action: text('turnOff'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/second-factor'));
      toast.done(text('factorIsOff'));
      setCodes([]);
      await factor.reload();
    },
  });
  const turnedOn = async (made: readonly string[]) => {
    setCodes(made);
    toast.done(text('factorIsOn'));
    await factor.reload();
  };
  return (
    <Section title={text('secondFactor')}>
      <Loaded query={factor}>
        {({ confirmed_at, recovery_codes }) => confirmed_at ? (
          <>
            <p>{text('factorOn')} <Moment at={confirmed_at} />. {text('codesLeft', { n: recovery_codes })}</p>
            {codes.length > 0 && (
              <div class="note" role="status">
                <p><strong>{text('keepCodes')}</strong></p>
                <ul class="name-list mono">{codes.map((code) => <li key={code}>{code}</li>)}</ul>
              </div>
            )}
            <div class="actions"><Button kind="danger" onClick={turnOff}>{text('turnOff')}</Button></div>
          </>
        ) : <SetUp onDone={turnedOn} />}
      </Loaded>
    </Section>
  );
}

function SetUp({ onDone }: { onDone: (codes: readonly string[]) => Promise<void> }) {
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [begun, setBegun] = useState<Api['NewSecondFactor'] | null>(null);
  const begin = useAction(async () => {
    setBegun(await done(api.POST('/second-factor', { body: { password } })));
    setPassword('');
  }, { quiet: true });
  const turnOn = useAction(async () => {
    const made = await done(api.PUT('/second-factor', { body: { code } }));
    await onDone(made.recovery_code);
  }, { quiet: true });
  if (!begun) {
    const wrong = begin.problem?.field('password');
    return (
      <Form onSubmit={() => begin.run()} label={text('secondFactor')}>
        <p class="hint">{text('factorHow')}</p>
        <Field label={text('old')} type="password" autocomplete="current-password" value={password} onInput={setPassword} required error={wrong} />
        {begin.problem && !wrong && <ProblemBox problem={begin.problem} />}
        <div class="actions"><Button type="submit" blocked={!password && text('passwordFirst')} busy={begin.busy}>{text('setUp')}</Button></div>
      </Form>
    );
  }
  const wrong = turnOn.problem?.field('code');
  return (
    <Form onSubmit={() => turnOn.run()} label={text('secondFactor')}>
      <p>{text('scan')}</p>
      <QrCode content={begun.address} label={text('scan')} />
      <Secret value={begun.secret} label={text('appSecret')} />
      <Field label={text('appCode')} value={code} onInput={setCode} autocomplete="one-time-code" required error={wrong} autofocus />
      {turnOn.problem && !wrong && <ProblemBox problem={turnOn.problem} />}
      <div class="actions"><Button type="submit" kind="primary" blocked={!code && text('codeFirst')} busy={turnOn.busy}>{text('turnOn')}</Button></div>
    </Form>
  );
}

/** A QR code. What draws it is loaded when it is shown. */
function QrCode({ content, label }: { content: string; label: string }) {
  const [drawn, setDrawn] = useState<{ size: number; path: string } | null>(null);
  useEffect(() => {
    void import('../../lib/qr').then(({ draw }) => setDrawn(draw(content)));
  }, [content]);
  if (!drawn) return null;
  // The margin of four modules is part of the code, and its background is white in the dark too.
  const side = drawn.size + 8;
  return (
    <svg class="qr-code" viewBox={`0 0 ${side} ${side}`} role="img" aria-label={label}>
      <rect width={side} height={side} class="qr-ground" />
      <path d={drawn.path} transform="translate(4 4)" class="qr-module" />
    </svg>
  );
}
