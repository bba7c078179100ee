// All pages of the console. A new page is a folder and a line.
export { default as overview } from './overview/page';
export { default as machines } from './machines/page';
export { default as requests } from './requests/page';
export { default as account } from './account/page';
export { default as jobs } from './jobs/page';
export { default as users } from './users/page';
export { default as audit } from './audit/page';
export { default as catalog } from './catalog/page';
export { default as scripts } from './scripts/page';
export { default as runs } from './runs/page';
export { default as files } from './files/page';
export { default as groups } from './groups/page';
export { default as schedules } from './schedules/page';
