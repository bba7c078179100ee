import { signal } from '@preact/signals';
import { asProblem, type Problem } from '../api/problem';
import { text } from '../messages';
import { Close } from './icons';
import { nextStep, problemTitle } from './problem';

interface Toast {
  id: number;
  kind: 'done' | 'bad';
  title: string;
  detail: string;
}

const toasts = signal<readonly Toast[]>([]);
let last = 0;

function show(kind: Toast['kind'], title: string, detail = ''): void {
  last += 1;
  const id = last;
  toasts.value = [...toasts.value.slice(-3), { id, kind, title, detail }];
  setTimeout(() => close(id), kind === 'done' ? 6_000 : 20_000);
}

function close(id: number): void {
  toasts.value = toasts.value.filter((item) => item.id !== id);
}

/** Shows short messages at the edge of the window. */
export const toast = {
  /** Says that something was done. */
  done: (title: string, detail = '') => show('done', title, detail),
  /** Says what went wrong, and what to do next. */
  problem(error: unknown) {
    const problem: Problem = asProblem(error);
    // The sign-in page says it already.
    if (problem.status === 401) return;
    const details = problem.fields.slice(0, 3).map((item) => item.reason);
    show('bad', problemTitle(problem), [problem.detail, ...details, nextStep(problem)].filter(Boolean).join(' '));
  },
};

/** The messages that are shown. */
export function Toasts() {
  return (
    <div class="toasts" role="region" aria-label={text('toasts')} aria-live="polite">
      {toasts.value.map((item) => (
        <div key={item.id} class={`toast toast-${item.kind}`} role={item.kind === 'bad' ? 'alert' : 'status'}>
          <div>
            <strong>{item.title}</strong>
            {item.detail && <p>{item.detail}</p>}
          </div>
          <button type="button" class="icon-button" aria-label={text('close')} onClick={() => close(item.id)}>
            <Close />
          </button>
        </div>
      ))}
    </div>
  );
}
