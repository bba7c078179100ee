// The pages, in the order of the navigation. A new page is a folder and a line.
export { default as overview } from './overview/page';
