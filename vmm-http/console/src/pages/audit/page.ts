import { List } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'administration',
  place: 30,
  admin: true,
  title: () => text('title'),
  icon: List,
  routes: { '/console/audit': () => import('./index') },
});
