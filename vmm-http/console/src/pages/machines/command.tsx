import { useEffect, useRef, useState } from 'preact/hooks';
import { asProblem, events, type Api } from '../../api/client';
import type { Problem } from '../../api/problem';
import { useAction } from '../../api/query';
import { duration } from '../../lib/language';
import { Button } from '../../ui/button';
import { Field, Form } from '../../ui/form';
import { Section } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { loginBlocked, readLogin } from './login';
import { text } from './messages';

interface End {
  exit_code?: number;
  signal?: string;
  duration_ms?: number;
  stdout_truncated?: boolean;
  stderr_truncated?: boolean;
}

interface Piece {
  stream: 'stdout' | 'stderr';
  text: string;
}

/** Runs commands over SSH and shows their output while they run. The password stays in this form. */
export function Command({ vm }: { vm: Api['Vm'] }) {
  const [command, setCommand] = useState('');
  const [user, setUser] = useState(vm.login);
  const [password, setPassword] = useState('');
  const [pieces, setPieces] = useState<readonly Piece[]>([]);
  const [end, setEnd] = useState<End | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const running = useRef<AbortController | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => () => running.current?.abort(), []);

  const login = useAction(async () => {
    const read = await readLogin(vm.name);
    setUser(read.user);
    setPassword(read.password);
  });

  const run = async () => {
    const own = new AbortController();
    running.current = own;
    setBusy(true);
    setPieces([]);
    setEnd(null);
    setProblem(null);
    const path = `/vm/ssh/stream?vm=${encodeURIComponent(vm.name)}`;
    try {
      for await (const event of events('POST', path, { signal: own.signal, body: { ssh: [{ command, user, password }] } })) {
        const data = JSON.parse(event.data) as Piece & End & { error: unknown };
        if (event.event === 'output') setPieces((old) => [...old, { stream: data.stream, text: data.text }]);
        else if (event.event === 'result') setEnd(data);
        else if (event.event === 'problem') setProblem(problemIn(data.error));
      }
    } catch (error) {
      if (!own.signal.aborted) setProblem(asProblem(error));
    }
    setBusy(false);
  };
  const why = vm.status !== 'on' ? text('commandOff', { name: vm.name }) : !command || !user || !password ? text('commandEmpty') : undefined;
  return (
    <Section title={text('command')}>
      <Form onSubmit={run} label={text('command')}>
        <p class="hint">{text('commandHow')}</p>
        <div class="form-row">
          <Field label={text('sshUser')} value={user} onInput={setUser} required />
          <Field label={text('sshPassword')} value={password} onInput={setPassword} type="password" autocomplete="off" required />
        </div>
        <Field label={text('commandLine')} value={command} onInput={setCommand} mono required />
        <div class="actions">
          <Button type="submit" kind="primary" blocked={why} busy={busy}>{text('run')}</Button>
          {busy && <Button onClick={() => running.current?.abort()}>{text('end')}</Button>}
          <Button kind="plain" busy={login.busy} blocked={loginBlocked(vm)} onClick={() => void login.run()}>{text('useLogin')}</Button>
        </div>
      </Form>
      <div aria-live="polite">
        {pieces.length > 0 && (
          <pre class="output" tabIndex={0} aria-label={text('output')}>
            {pieces.map((piece, index) => <span key={index} class={piece.stream === 'stderr' ? 'stderr' : undefined}>{piece.text}</span>)}
          </pre>
        )}
        {end && <p class="muted">{ending(end)}</p>}
        {(end?.stdout_truncated || end?.stderr_truncated) && <p class="muted">{text('cut')}</p>}
      </div>
      {problem && <ProblemBox problem={problem} />}
    </Section>
  );
}

function ending(end: End): string {
  const time = duration((end.duration_ms ?? 0) / 1000);
  if (end.signal !== undefined) return text('signal', { signal: end.signal, time });
  return text('exit', { code: end.exit_code ?? 0, time });
}

/** Reads a problem that came inside a stream. */
function problemIn(error: unknown): Problem {
  const body = error as { title: string; detail: string; status: number };
  const problem = asProblem(new Error(body.detail));
  return Object.assign(problem, { title: body.title, status: body.status });
}
