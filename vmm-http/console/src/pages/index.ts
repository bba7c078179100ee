// All pages of the console. A new page is a folder and a line.
export { default as overview } from './overview/page';
export { default as machines } from './machines/page';
export { default as requests } from './requests/page';
