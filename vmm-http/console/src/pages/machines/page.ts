import { Machine } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'work',
  place: 20,
  title: () => text('title'),
  icon: Machine,
  routes: {
    '/console/machines': () => import('./index'),
    '/console/machines/:name': () => import('./card'),
  },
});
