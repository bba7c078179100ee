import { useState } from 'preact/hooks';
import { api, done, type Api } from '../../api/client';
import { useAction, useQuery } from '../../api/query';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Field, Form } from '../../ui/form';
import { Loaded, Moment, Secret, Section, Table } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text } from './messages';

/** The API tokens of the account. */
export function Tokens() {
  const [name, setName] = useState('');
  const [days, setDays] = useState('');
  const [made, setMade] = useState<Api['MadeToken'] | null>(null);
  const tokens = useQuery('tokens', (signal) => done(api.GET('/token', { signal })));
  const make = useAction(async () => {
    const item = { name, ...(days ? { expires_in_days: Number(days) } : {}) };
    const answer = await done(api.POST('/token', { body: { token: [item] } }));
    setMade(answer.token[0] ?? null);
    setName('');
    await tokens.reload();
  }, { quiet: true });
  const revoke = (token: Api['Token']) => confirm({
    title: text('revokeAsk', { name: token.name }),
    detail: text('revokeHow'),
    action: text('revoke'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/token', { params: { query: { name: token.name } } }));
      toast.done(text('revoked'));
      if (made?.name === token.name) setMade(null);
      await tokens.reload();
    },
  });
  return (
    <Section title={text('tokens')}>
      <Form onSubmit={() => make.run()} label={text('make')}>
        <p class="hint">{text('tokensHow')}</p>
        <div class="form-row">
          <Field label={text('tokenName')} value={name} onInput={setName} required hint={text('tokenNameHow')} error={make.problem?.field('name')} />
          <Field label={text('days')} type="number" value={days} onInput={setDays} hint={text('daysHow')} error={make.problem?.field('expires_in_days')} />
        </div>
        {make.problem && <ProblemBox problem={make.problem} />}
        <div class="actions"><Button type="submit" blocked={!name && text('nameFirst')} busy={make.busy}>{text('make')}</Button></div>
        {made && (
          <div class="note" role="status">
            <p><strong>{text('made')}</strong></p>
            <Secret value={made.secret} label={made.name} />
          </div>
        )}
      </Form>
      <Loaded query={tokens}>
        {({ token }) => token.length === 0 ? <p class="muted">{text('noTokens')}</p> : (
          <Table label={text('tokens')} head={[text('tokenName'), text('since'), text('until'), text('lastUse'), text('actions')]}>
            {token.map((item) => (
              <tr key={item.name}>
                <td>{item.name}</td>
                <td><Moment at={item.created_at} /></td>
                <td><Moment at={item.expires_at} /></td>
                <td>{item.last_used_at ? <Moment at={item.last_used_at} /> : <span class="muted">{text('never')}</span>}</td>
                <td class="tight"><Button small onClick={() => revoke(item)}>{text('revoke')}</Button></td>
              </tr>
            ))}
          </Table>
        )}
      </Loaded>
    </Section>
  );
}
