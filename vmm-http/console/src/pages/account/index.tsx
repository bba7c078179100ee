import { isAdmin, me, session } from '../../api/session';
import { language, setLanguage, type Language } from '../../lib/language';
import { setTheme, theme, type Theme } from '../../lib/theme';
import { text as shared } from '../../messages';
import { Select } from '../../ui/form';
import { PageHead, Section } from '../../ui/parts';
import './page.css';
import { Leak } from './leak';
import { Limits } from './limits';
import { text } from './messages';
import { Password } from './password';
import { SecondFactor } from './second-factor';
import { Sessions } from './sessions';
import { Telegram } from './telegram';
import { Tokens } from './tokens';

export default function Account() {
  return (
    <>
      <PageHead title={text('title')} lead={text('lead', { name: me(), role: shared(isAdmin() ? 'role.admin' : 'role.user') })} />
      <div class="columns">
        <Password />
        <div>
          <SecondFactor />
          <Telegram />
          <Section title={text('settings')}>
            <div class="form form-row">
              <Select label={shared('language')} value={language.value} onChange={(to) => setLanguage(to as Language)}
                options={[['en', shared('language.en')], ['de', shared('language.de')]]} />
              <Select label={shared('theme')} value={theme.value} onChange={(to) => setTheme(to as Theme)}
                options={[['system', shared('theme.system')], ['light', shared('theme.light')], ['dark', shared('theme.dark')]]} />
            </div>
          </Section>
        </div>
      </div>
      <Sessions />
      <Tokens />
      {session.value?.access === 'all' && <Limits />}
      <Leak />
    </>
  );
}
