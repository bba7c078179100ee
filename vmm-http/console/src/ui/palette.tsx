import { signal } from '@preact/signals';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { api, done } from '../api/client';
import { useQuery } from '../api/query';
import { session, signOut } from '../api/session';
import { setTheme } from '../lib/theme';
import { language, setLanguage } from '../lib/language';
import { address, go } from '../lib/router';
import { matches } from '../lib/search';
import { text } from '../messages';
import type { Page } from '../pages/define';
import { toast } from './toasts';

const open = signal(false);

/** Opens the palette. */
export function openPalette(): void {
  open.value = true;
}

interface Entry {
  id: string;
  kind: string;
  name: string;
  run: () => void;
}

/** A list of all pages, actions and machines that opens with Ctrl-K. */
export function Palette({ pages }: { pages: readonly Page[] }) {
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      open.value = !open.value;
    };
    addEventListener('keydown', key);
    return () => removeEventListener('keydown', key);
  }, []);
  return open.value ? <Opened pages={pages} /> : null;
}

/** Returns what can be done from everywhere. */
function actions(): Entry[] {
  const entry = (id: string, name: string, run: () => void): Entry => ({ id, name, run, kind: text('palette.action') });
  const other = language.value === 'de' ? 'en' : 'de';
  return [
    entry('theme.light', `${text('theme')}: ${text('theme.light')}`, () => setTheme('light')),
    entry('theme.dark', `${text('theme')}: ${text('theme.dark')}`, () => setTheme('dark')),
    entry('theme.system', `${text('theme')}: ${text('theme.system')}`, () => setTheme('system')),
    entry('language', `${text('language')}: ${text(`language.${other}`)}`, () => setLanguage(other)),
    entry('sign-out', text('signOut'), () => void signOut().catch(toast.problem)),
  ];
}

function Opened({ pages }: { pages: readonly Page[] }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState(0);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);

  const prefix = typed.trim().toLowerCase();
  const wanted = session.value?.access === 'all' && /^[a-z0-9][a-z0-9-]*$/.test(prefix) ? prefix : null;
  const machines = useQuery(wanted, (signal) =>
    done(api.GET('/db/vm', { signal, params: { query: { name_prefix: wanted ?? '', limit: 8 } } })));

  const entries: Entry[] = [
    ...pages.map((item) => {
      const to = Object.keys(item.routes)[0] ?? '/';
      return { id: to, kind: text('palette.page'), name: item.title(), run: () => go(to) };
    }),
    ...actions(),
  ].filter((entry) => matches(entry.name, typed));
  for (const vm of machines.data?.vm ?? []) {
    entries.push({
      id: `vm-${vm.name}`,
      kind: text('palette.machine'),
      name: vm.name,
      run: () => go(address(['machines', vm.name])),
    });
  }
  const index = Math.min(chosen, entries.length - 1);
  const close = () => {
    open.value = false;
  };
  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    close();
    entry.run();
  };
  const key = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && entries.length > 0) {
      event.preventDefault();
      setChosen((index + step + entries.length) % entries.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      run(entries[index]);
    }
  };
  return (
    <dialog ref={dialog} class="dialog palette" aria-label={text('palette')}
      onCancel={(event) => { event.preventDefault(); close(); }}
      onClick={(event) => { if (event.target === event.currentTarget) close(); }}>
      <input role="combobox" aria-label={text('palette')} aria-expanded="true" aria-controls={id} aria-autocomplete="list"
        aria-activedescendant={entries[index] ? `${id}-${index}` : undefined} placeholder={text('palette')} value={typed} spellcheck={false}
        onInput={(event) => { setTyped(event.currentTarget.value); setChosen(0); }} onKeyDown={key} autoFocus />
      <ul role="listbox" id={id} aria-label={text('palette.results')}>
        {entries.map((entry, position) => (
          <li key={entry.id} id={`${id}-${position}`} role="option" aria-selected={position === index}
            onMouseMove={() => setChosen(position)} onClick={() => run(entry)}>
            <span>{entry.name}</span><span class="muted">{entry.kind}</span>
          </li>
        ))}
      </ul>
      <p class="hint" role="status">{entries.length === 0 ? text('palette.nothing') : text('palette.hint')}</p>
    </dialog>
  );
}
