import { Home } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'work',
  place: 10,
  title: () => text('title'),
  icon: Home,
  routes: { '/': () => import('./index') },
});
