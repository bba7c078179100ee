import { useState } from 'preact/hooks';
import { api, done, type Api } from '../../api/client';
import { useAction } from '../../api/query';
import { isAdmin, me } from '../../api/session';
import { Button } from '../../ui/button';
import { Facts, Secret, Section } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { text } from './messages';

/** Returns why an account cannot read the first login of a machine, if so. */
export function loginBlocked(vm: Api['Vm']): string | undefined {
  if (vm.adopted) return text('noLogin');
  return !isAdmin() && vm.user !== me() ? text('notYours', { user: vm.user }) : undefined;
}

/** Reads the first login of a machine. */
export const readLogin = (vm: string) => done(api.GET('/vm/login', { params: { query: { vm } } }));

/** Shows the first login of a machine when somebody asks for it. */
export function FirstLogin({ vm }: { vm: Api['Vm'] }) {
  const [login, setLogin] = useState<Api['VmLogin'] | null>(null);
  const read = useAction(async () => setLogin(await readLogin(vm.name)), { quiet: true });
  return (
    <Section title={text('firstLogin')}
      actions={login
        ? <Button small onClick={() => setLogin(null)}>{text('hideLogin')}</Button>
        : <Button small busy={read.busy} blocked={loginBlocked(vm)} onClick={() => void read.run()}>{text('readLogin')}</Button>}>
      {login
        ? <Facts items={[[text('login'), login.user], [text('password'), <Secret value={login.password} label={text('password')} />]]} />
        : <p class="muted">{text('firstLoginHow')}</p>}
      {read.problem && <ProblemBox problem={read.problem} />}
    </Section>
  );
}
