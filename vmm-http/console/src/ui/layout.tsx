import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useAction } from '../api/query';
import { me, session, signOut } from '../api/session';
import { match } from '../lib/address';
import { place } from '../lib/router';
import { text } from '../messages';
import type { Page } from '../pages/define';
import { Button } from './button';
import { Close, MenuIcon, SearchIcon } from './icons';
import { openPalette } from './palette';
import { LanguageChoice, ThemeButton } from './settings';

const SECTIONS = ['work', 'administration', 'self'] as const;

/** The frame of all pages: the navigation, the bar above, and the page itself. */
export function Layout({ pages, children }: { pages: readonly Page[]; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const { path } = place.value;
  useEffect(() => setOpen(false), [path]);
  return (
    <div class={open ? 'layout nav-open' : 'layout'}>
      <a class="skip" href="#main">{text('skip')}</a>
      <header class="bar-top">
        <button type="button" class="icon-button only-narrow" aria-expanded={open} aria-controls="nav" aria-label={text('menu')}
          onClick={() => setOpen(!open)}>
          {open ? <Close /> : <MenuIcon />}
        </button>
        <a class="brand" href="/" aria-label={text('console')}><span class="mark" aria-hidden="true" />{'vmm'}</a>
        <button type="button" class="search-button" onClick={openPalette}>
          <SearchIcon /><span>{text('palette.open')}</span><kbd>{'Ctrl K'}</kbd>
        </button>
        <div class="bar-end"><LanguageChoice /><ThemeButton /></div>
      </header>
      <nav class="nav" id="nav" aria-label={text('navigation')}>
        {SECTIONS.map((section) => <Links key={section} section={section} pages={pages} path={path} />)}
        <Account />
      </nav>
      <main class="main" id="main" tabIndex={-1}>{children}</main>
    </div>
  );
}

function Links({ section, pages, path }: { section: Page['section']; pages: readonly Page[]; path: string }) {
  const shown = pages.filter((item) => item.section === section);
  if (shown.length === 0) return null;
  return (
    <div class="nav-group">
      <h2>{text(`section.${section}`)}</h2>
      <ul>
        {shown.map((item) => {
          const first = Object.keys(item.routes)[0] ?? '/';
          const here = Object.keys(item.routes).some((pattern) => match(pattern, path));
          const Icon = item.icon;
          return (
            <li key={first}>
              <a href={first} aria-current={here ? 'page' : undefined}><Icon />{item.title()}</a>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Account() {
  const leave = useAction(signOut);
  return (
    <div class="nav-account">
      <span class="muted">{text('signedIn', { name: me() })}</span>
      <span class="badge">{text(`role.${session.value?.user.role ?? 'user'}`)}</span>
      <Button small busy={leave.busy} onClick={() => void leave.run()}>{text('signOut')}</Button>
    </div>
  );
}
