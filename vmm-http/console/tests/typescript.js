// Lets node load the TypeScript of the console: tests run on the sources themselves.
import { register } from 'node:module';

register('./loader.js', import.meta.url);
