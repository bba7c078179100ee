import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { moment, relative } from '../lib/language';
import { text } from '../messages';
import { Button } from './button';
import type { Query } from '../api/query';
import { ProblemBox } from './problem';

/** What colour a state has. The text beside it says the same, so that nobody depends on the colour. */
export type Tone = 'good' | 'warn' | 'bad' | 'busy' | 'quiet';

/** A state as a dot and a word. */
export function Status({ tone, children, title }: { tone: Tone; children: ComponentChildren; title?: string | undefined }) {
  return <span class={`status status-${tone}`} title={title}><span class="dot" aria-hidden="true" />{children}</span>;
}

/** The heading of a page with its actions. */
export function PageHead({ title, lead, children }: { title: ComponentChildren; lead?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <header class="page-head">
      <div class="page-title">
        <h1>{title}</h1>
        {lead && <p class="lead">{lead}</p>}
      </div>
      {children && <div class="actions">{children}</div>}
    </header>
  );
}

/** A part of a page with a heading. */
export function Section({ title, actions, children, id }: {
  title: string;
  actions?: ComponentChildren;
  children: ComponentChildren;
  id?: string;
}) {
  return (
    <section class="section" id={id}>
      <header class="section-head">
        <h2>{title}</h2>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}

/** What a page shows when there is nothing: what to do first. */
export function Empty({ title, children, action }: { title: string; children?: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** Shows an answer of the server, or that it is on its way, or why it did not come. */
export function Loaded<T>({ query, children }: { query: Query<T>; children: (data: T) => ComponentChildren }) {
  if (query.data === undefined) {
    if (query.problem) return <ProblemBox problem={query.problem} retry={query.reload} />;
    return <Loading />;
  }
  return (
    <>
      {query.problem && <ProblemBox problem={query.problem} retry={query.reload} />}
      {children(query.data)}
    </>
  );
}

/** Says that something is on its way, once it takes longer than a moment. */
export function Loading() {
  const late = useSignal(false);
  useEffect(() => {
    const timer = setTimeout(() => (late.value = true), 300);
    return () => clearTimeout(timer);
  }, [late]);
  return <p class="loading" role="status">{late.value ? text('loading') : ''}</p>;
}

/** A moment, relative to now; the exact one is in its title. */
export function Moment({ at }: { at: string | undefined }) {
  if (!at) return <span class="muted">{text('none')}</span>;
  return <time dateTime={at} title={moment(at)}>{relative(at)}</time>;
}

/** How far something is, from 0 to 100. */
export function Bar({ percent, label, tone = 'busy' }: { percent: number; label: string; tone?: Tone }) {
  const value = Math.max(0, Math.min(100, percent));
  return (
    <div class={`bar bar-${tone}`} role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(value)}>
      <div style={{ width: `${value}%` }} />
    </div>
  );
}

/** Pairs of a name and a value. */
export function Facts({ items }: { items: readonly (readonly [name: string, value: ComponentChildren] | false | undefined)[] }) {
  return (
    <dl class="facts">
      {items.map((item) => item && (
        <div key={item[0]}>
          <dt>{item[0]}</dt>
          <dd>{item[1] || <span class="muted">{text('none')}</span>}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A table that scrolls sideways where it is too wide. */
export function Table({ label, head, children }: { label: string; head: readonly string[]; children: ComponentChildren }) {
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead><tr>{head.map((name) => <th key={name} scope="col">{name}</th>)}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** A secret that is shown once, with a button that copies it. */
export function Secret({ value, label }: { value: string; label: string }) {
  const copied = useSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    copied.value = true;
  };
  return (
    <div class="secret">
      <code aria-label={label}>{value}</code>
      <Button small onClick={() => void copy()}>{copied.value ? text('copied') : text('copy')}</Button>
    </div>
  );
}

/** A button that reads the next page of a list. */
export function More({ list }: { list: { next: string | undefined; busy: boolean; more: () => void } }) {
  return list.next === undefined ? null : (
    <div class="more"><Button onClick={list.more} busy={list.busy}>{text('more')}</Button></div>
  );
}
