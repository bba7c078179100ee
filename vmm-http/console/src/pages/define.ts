import type { ComponentType } from 'preact';

/** What a component of a page gets: the parameters of its address. */
export interface PageProperties {
  parameters: Record<string, string>;
}

/** Loads a component when it is shown for the first time. */
export type Load = () => Promise<{ default: ComponentType<PageProperties> }>;

/** A page of the console. */
export interface Page {
  /** The group in the navigation. */
  section: 'work' | 'administration' | 'self';
  /** The place in that group: small numbers stand first. */
  place: number;
  /** The name in the navigation, the palette and the window's title. */
  title: () => string;
  icon: ComponentType;
  /** Only admins have this page. */
  admin?: boolean;
  /** Each account reaches this page, whatever the desk's setting. */
  own?: boolean;
  /** The components by their addresses. The first address is the one in the navigation. */
  routes: Record<string, Load>;
}

/** Checks a page's type. */
export function page(definition: Page): Page {
  return definition;
}
