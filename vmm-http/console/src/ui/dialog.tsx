import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { asProblem, type Problem } from '../api/problem';
import { text } from '../messages';
import { Button } from './button';
import { Form } from './form';
import { Close } from './icons';
import { ProblemBox } from './problem';

/** A dialog over the page. The browser keeps the focus in it, and Escape closes it. */
export function Dialog({ title, children, onClose, wide }: {
  title: string;
  children: ComponentChildren;
  onClose: () => void;
  wide?: boolean;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={element} class={wide ? 'dialog dialog-wide' : 'dialog'} aria-labelledby={id}
      onCancel={(event) => { event.preventDefault(); onClose(); }}>
      <header class="dialog-head">
        <h2 id={id}>{title}</h2>
        <button type="button" class="icon-button" aria-label={text('close')} onClick={onClose}><Close /></button>
      </header>
      {children}
    </dialog>
  );
}

interface Question {
  title: string;
  /** What will happen. */
  detail?: string;
  /** The things that it happens to, by name. */
  names?: readonly string[];
  /** The word on the button that does it. */
  action: string;
  danger?: boolean;
  act: () => Promise<unknown>;
}

const question = signal<Question | null>(null);

/** Asks before something happens that cannot be undone. */
export function confirm(asked: Question): void {
  question.value = asked;
}

/** The question that waits for an answer. */
export function Confirmation() {
  const asked = question.value;
  return asked && <Asked key={asked.title} asked={asked} />;
}

function Asked({ asked }: { asked: Question }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const close = () => {
    if (question.value === asked) question.value = null;
  };
  const act = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await asked.act();
      close();
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
  };
  return (
    <Dialog title={asked.title} onClose={close}>
      <Form onSubmit={act}>
        {asked.detail && <p>{asked.detail}</p>}
        {asked.names && asked.names.length > 0 && (
          <ul class="name-list" tabIndex={0} aria-label={asked.title}>{asked.names.map((name) => <li key={name}>{name}</li>)}</ul>
        )}
        {problem && <ProblemBox problem={problem} />}
        <div class="actions actions-end">
          <Button onClick={close}>{text('cancel')}</Button>
          <Button type="submit" kind={asked.danger ? 'danger' : 'primary'} busy={busy}>{asked.action}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
