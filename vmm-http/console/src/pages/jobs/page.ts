import { Gear } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'work',
  place: 70,
  title: () => text('title'),
  icon: Gear,
  routes: {
    '/console/jobs': () => import('./index'),
    '/console/jobs/:id': () => import('./job'),
  },
});
