import { RequestIcon } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'work',
  place: 30,
  title: () => text('title'),
  icon: RequestIcon,
  routes: {
    '/console/requests': () => import('./index'),
    '/console/requests/new': () => import('./new'),
    '/console/requests/:id': () => import('./request'),
  },
});
