import { People } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'administration',
  place: 10,
  admin: true,
  title: () => text('title'),
  icon: People,
  routes: { '/console/users': () => import('./index') },
});
