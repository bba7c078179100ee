import { useState } from 'preact/hooks';
import { api, done, type Api } from '../../api/client';
import { useAction } from '../../api/query';
import { readSession, session } from '../../api/session';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Moment, Secret, Section } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { text } from './messages';

/** Links a Telegram account, or unlinks it. */
export function Telegram() {
  const [code, setCode] = useState<Api['MadeLinkCode'] | null>(null);
  const chat = session.value?.user.chat_id;
  const make = useAction(async () => setCode(await done(api.POST('/link-code'))), { quiet: true });
  const unlink = () => confirm({
    title: text('unlinkAsk'),
    detail: text('unlinkHow'),
    action: text('unlink'),
    danger: true,
    act: async () => {
      await done(api.DELETE('/link'));
      toast.done(text('unlinked'));
      await readSession();
    },
  });
  return (
    <Section title={text('telegram')}
      actions={chat !== undefined ? <Button small onClick={unlink}>{text('unlink')}</Button>
        : <Button small busy={make.busy} onClick={() => void make.run()}>{text('link')}</Button>}>
      <p class="muted">{chat !== undefined ? text('linked', { id: String(chat) }) : text('linkHow')}</p>
      {code && (
        <div class="note" role="status">
          <p>{text('code')}</p>
          <Secret value={`/start ${code.code}`} label={text('telegram')} />
          <p class="hint">{text('codeEnds')} <Moment at={code.expires_at} /></p>
        </div>
      )}
      {make.problem && <ProblemBox problem={make.problem} />}
    </Section>
  );
}
