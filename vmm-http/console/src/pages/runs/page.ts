import { Play } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'work',
  place: 50,
  title: () => text('title'),
  icon: Play,
  routes: {
    '/console/runs': () => import('./index'),
    '/console/runs/:id': () => import('./run'),
  },
});
