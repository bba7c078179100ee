import { language, setLanguage, type Language } from '../lib/language';
import { setTheme, shown } from '../lib/theme';
import { text } from '../messages';
import { Select } from './form';
import { Moon, Sun } from './icons';

/** Switches between light and dark. */
export function ThemeButton() {
  return (
    <button type="button" class="icon-button" aria-label={text('theme.toggle')} title={text('theme.toggle')}
      onClick={() => setTheme(shown.value === 'dark' ? 'light' : 'dark')}>
      {shown.value === 'dark' ? <Sun /> : <Moon />}
    </button>
  );
}

/** Switches the language. */
export function LanguageChoice() {
  return (
    <Select label={text('language')} hidden value={language.value} onChange={(to) => setLanguage(to as Language)}
      options={[['en', text('language.en')], ['de', text('language.de')]]} />
  );
}
