import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';
import { text } from '../messages';

interface FieldProperties {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string | undefined;
  error?: string | undefined;
  type?: 'text' | 'password' | 'number' | 'search' | 'datetime-local';
  required?: boolean;
  autocomplete?: string;
  rows?: number;
  mono?: boolean;
  autofocus?: boolean;
  placeholder?: string;
  list?: readonly string[];
}

/** A labelled field with its hint and its problem. */
export function Field(properties: FieldProperties) {
  const { label, value, onInput, hint, error, type = 'text', required, autocomplete = 'off', rows, mono, list } = properties;
  const id = useId();
  const shared = {
    id,
    value,
    required,
    'aria-invalid': error ? ('true' as const) : undefined,
    'aria-describedby': [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined,
    onInput: (event: JSX.TargetedInputEvent<HTMLInputElement | HTMLTextAreaElement>) => onInput(event.currentTarget.value),
    class: mono ? 'mono' : undefined,
    spellcheck: false,
    placeholder: properties.placeholder,
    autoFocus: properties.autofocus,
  };
  return (
    <div class="field">
      <label for={id}>
        {label} {!required && type !== 'search' && <span class="optional">{text('optional')}</span>}
      </label>
      {rows
        ? <textarea {...shared} rows={rows} />
        : <input {...shared} type={type} autocomplete={autocomplete as 'off'} list={list ? `${id}-list` : undefined} />}
      {list && <datalist id={`${id}-list`}>{list.map((item) => <option key={item} value={item} />)}</datalist>}
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p class="field-error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}

/** A labelled choice. */
export function Select({ label, value, onChange, options, hidden }: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  options: readonly (readonly [value: string, label: string])[];
  /** The label is for screen readers alone. */
  hidden?: boolean;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id} class={hidden ? 'visually-hidden' : undefined}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([key, name]) => <option key={key} value={key}>{name}</option>)}
      </select>
    </div>
  );
}

/** A box to tick, with its label. */
export function Check({ label, checked, onChange }: { label: ComponentChildren; checked: boolean; onChange: (on: boolean) => void }) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}

/** A form that is sent without loading the page again. */
export function Form({ children, onSubmit, label }: { children: ComponentChildren; onSubmit: () => unknown; label?: string }) {
  const submit = (event: Event) => {
    event.preventDefault();
    const button = (event.target as HTMLFormElement).querySelector('[type=submit]');
    if (button?.getAttribute('aria-disabled') !== 'true') onSubmit();
  };
  return <form class="form" noValidate aria-label={label} onSubmit={submit}>{children}</form>;
}
