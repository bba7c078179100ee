import { render } from 'preact';
import { App } from './app';
import { startRouter } from './lib/router';
import { readSession } from './api/session';
import './styles.css';

startRouter();
void readSession();
const root = document.getElementById('app');
if (root) render(<App />, root);
