import { useState } from 'preact/hooks';
import { api, done } from '../../api/client';
import { me, readSession } from '../../api/session';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Check } from '../../ui/form';
import { Section } from '../../ui/parts';
import { text } from './messages';

/** Takes all access away after a password or a token has leaked. */
export function Leak() {
  const [everything, setEverything] = useState(false);
  const act = () => confirm({
    title: text('leakAsk', { name: me() }),
    detail: text('leakHow'),
    action: text('leakAct'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/access', { params: { query: everything ? { everything } : {} } }));
      await readSession();
    },
  });
  return (
    <Section title={text('leak')}>
      <p class="muted">{text('leakHow')}</p>
      <p><Check label={text('leakAll')} checked={everything} onChange={setEverything} /></p>
      <Button kind="danger" onClick={act}>{text('leakAct')}</Button>
    </Section>
  );
}
