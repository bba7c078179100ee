import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { session, sessionProblem, readSession, isAdmin } from './api/session';
import { match } from './lib/address';
import { address, go, place } from './lib/router';
import { text } from './messages';
import * as all from './pages';
import type { Load, Page, PageProperties } from './pages/define';
import { Button } from './ui/button';
import { Confirmation } from './ui/dialog';
import { Layout } from './ui/layout';
import { Palette } from './ui/palette';
import { Empty, Loading } from './ui/parts';
import { ProblemBox } from './ui/problem';
import { SecondFactorQuestion } from './ui/second-factor';
import { SignIn } from './ui/sign-in';
import { Toasts } from './ui/toasts';

const pages: readonly Page[] = Object.values(all).sort((a, b) => a.place - b.place);

/** Returns the pages that the account can open. */
function openPages(): readonly Page[] {
  const own = session.value?.access === 'own';
  return pages.filter((item) => (own ? item.own : !item.admin || isAdmin()));
}

/** Returns the page of a path, and how to load its component. */
function find(path: string): { page: Page; load: Load; parameters: Record<string, string>; key: string } | null {
  const plain = path === '/console' || path === '/console/' ? '/' : path;
  for (const page of pages) {
    for (const [pattern, load] of Object.entries(page.routes)) {
      const found = match(pattern, plain);
      if (found) return { page, load, parameters: found.parameters, key: pattern };
    }
  }
  return null;
}

/** The console. */
export function App() {
  const who = session.value;
  if (sessionProblem.value && who === undefined) {
    return <main class="alone"><ProblemBox problem={sessionProblem.value} retry={readSession} /></main>;
  }
  if (who === undefined) return <main class="alone"><Loading /></main>;
  if (who === null) return <><SignIn /><Toasts /></>;
  const open = openPages();
  return (
    <>
      <Layout pages={open}><Shown pages={open} /></Layout>
      <Palette pages={open} />
      <Confirmation />
      <SecondFactorQuestion />
      <Toasts />
    </>
  );
}

function Shown({ pages: open }: { pages: readonly Page[] }) {
  const found = find(place.value.path);
  const own = session.value?.access === 'own';
  const title = found ? found.page.title() : text('notFound.title');
  useEffect(() => {
    document.title = `${title} · vmm`;
  }, [title]);
  // The start page of an account that reaches its own page alone is that page.
  const home = own && found?.key === '/';
  useEffect(() => {
    if (home) go(address(['account']), { replace: true });
  }, [home]);
  if (home) return <Loading />;
  if (own && found && !found.page.own) {
    return (
      <Empty title={text('own.title')} action={<a class="button button-primary" href={address(['account'])}>{text('own.account')}</a>}>
        {text('own.detail')}
      </Empty>
    );
  }
  if (!found || !open.includes(found.page)) {
    return (
      <Empty title={text('notFound.title')} action={<a class="button" href="/">{text('notFound.home')}</a>}>
        {text('notFound.detail')}
      </Empty>
    );
  }
  return <Lazy key={found.key + JSON.stringify(found.parameters)} load={found.load} parameters={found.parameters} />;
}

function Lazy({ load, parameters }: { load: Load; parameters: Record<string, string> }) {
  const [loaded, setLoaded] = useState<{ component: ComponentType<PageProperties> } | 'failed' | null>(null);
  useEffect(() => {
    let current = true;
    load().then(
      (module) => current && setLoaded({ component: module.default }),
      () => current && setLoaded('failed'),
    );
    return () => {
      current = false;
    };
  }, [load]);
  if (loaded === 'failed') {
    return (
      <Empty title={text('chunk.title')} action={<Button kind="primary" onClick={() => location.reload()}>{text('chunk.reload')}</Button>}>
        {text('chunk.detail')}
      </Empty>
    );
  }
  if (!loaded) return <Loading />;
  const Component = loaded.component;
  return <Component parameters={parameters} />;
}
