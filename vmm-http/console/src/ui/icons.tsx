import type { ComponentChildren } from 'preact';

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false" fill="none" stroke="currentColor"
      stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round">
      {children}
    </svg>
  );
}

export const Close = () => <Icon><path d="M5 5l10 10M15 5L5 15" /></Icon>;
export const MenuIcon = () => <Icon><path d="M3 5h14M3 10h14M3 15h14" /></Icon>;
export const SearchIcon = () => <Icon><circle cx="9" cy="9" r="5.5" /><path d="M13.2 13.2L17 17" /></Icon>;
export const Machine = () => <Icon><rect x="2.5" y="3.5" width="15" height="5.5" rx="1.5" /><rect x="2.5" y="11" width="15" height="5.5" rx="1.5" /><path d="M5.5 6.2h.01M5.5 13.8h.01" /></Icon>;
export const RequestIcon = () => <Icon><path d="M5 2.5h7l3.5 3.5v11.5h-10.5z" /><path d="M7.5 10h6M7.5 13.5h6" /></Icon>;
export const Home = () => <Icon><path d="M3 9.5L10 3.5l7 6V16.5H12v-4.5H8v4.5H3z" /></Icon>;
export const Person = () => <Icon><circle cx="10" cy="6.5" r="3.5" /><path d="M3.5 17c.8-3.5 3.5-5 6.5-5s5.7 1.5 6.5 5" /></Icon>;
export const People = () => <Icon><circle cx="7.5" cy="7" r="3" /><path d="M2 16.5c.6-3 2.8-4.5 5.5-4.5s4.9 1.5 5.5 4.5" /><path d="M13 4.3a3 3 0 010 5.4M15 12.5c1.6.7 2.6 2 3 4" /></Icon>;
export const ScriptIcon = () => <Icon><rect x="2.5" y="3.5" width="15" height="13" rx="1.5" /><path d="M5.5 7.5L8 10l-2.5 2.5M10 13h4" /></Icon>;
export const Clock = () => <Icon><circle cx="10" cy="10" r="7.3" /><path d="M10 6v4.3l2.8 1.7" /></Icon>;
export const FileIcon = () => <Icon><path d="M2.5 5.5v10.5h15V7H10L8 4.5H2.5z" /></Icon>;
export const Disc = () => <Icon><circle cx="10" cy="10" r="7.3" /><circle cx="10" cy="10" r="2" /></Icon>;
export const List = () => <Icon><path d="M7 5h10M7 10h10M7 15h10M3.5 5h.01M3.5 10h.01M3.5 15h.01" /></Icon>;
export const Gear = () => <Icon><circle cx="10" cy="10" r="2.6" /><path d="M10 2.5v2.2M10 15.3v2.2M2.5 10h2.2M15.3 10h2.2M4.7 4.7l1.6 1.6M13.7 13.7l1.6 1.6M4.7 15.3l1.6-1.6M13.7 6.3l1.6-1.6" /></Icon>;
export const Chat = () => <Icon><path d="M3 4h14v10H9l-4 3v-3H3z" /></Icon>;
export const Plug = () => <Icon><path d="M7 2.5v4M13 2.5v4M5 6.5h10v3a5 5 0 01-10 0zM10 14.5v3" /></Icon>;
export const Sun = () => <Icon><circle cx="10" cy="10" r="3.5" /><path d="M10 2v2M10 16v2M2 10h2M16 10h2M4.3 4.3l1.4 1.4M14.3 14.3l1.4 1.4M4.3 15.7l1.4-1.4M14.3 5.7l1.4-1.4" /></Icon>;
export const Moon = () => <Icon><path d="M16.5 12A7 7 0 018 3.5a7 7 0 108.5 8.5z" /></Icon>;
export const Plus = () => <Icon><path d="M10 4v12M4 10h12" /></Icon>;
export const Play = () => <Icon><path d="M6 4l9.5 6L6 16z" /></Icon>;
