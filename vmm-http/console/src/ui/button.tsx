import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface ButtonProperties {
  children: ComponentChildren;
  onClick?: (event: MouseEvent) => void;
  kind?: 'primary' | 'danger' | 'plain';
  type?: 'button' | 'submit';
  small?: boolean;
  /** Something is under way, so that a second press does nothing. */
  busy?: boolean;
  /** Why the button cannot be pressed. It stays in the order of focus, so that the reason can be read. */
  blocked?: string | false | undefined;
  label?: string;
}

/** A button. One that cannot be pressed says why. */
export function Button({ children, onClick, kind, type = 'button', small, busy, blocked, label }: ButtonProperties) {
  const id = useId();
  const names = ['button', kind && `button-${kind}`, small && 'button-small', busy && 'is-busy'].filter(Boolean).join(' ');
  const off = Boolean(blocked) || Boolean(busy);
  const press = (event: MouseEvent) => {
    if (off) event.preventDefault();
    else onClick?.(event);
  };
  return (
    <>
      <button type={type} class={names} onClick={press} aria-label={label} aria-busy={busy || undefined}
        aria-disabled={off || undefined} aria-describedby={blocked ? id : undefined} title={blocked || undefined}>
        {children}
      </button>
      {blocked && <span id={id} class="visually-hidden">{blocked}</span>}
    </>
  );
}
